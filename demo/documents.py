"""Makes the demo's documents: six PDFs of made-up people and companies, and blueprints to read them.

Real PDFs, drawn with PDFium and its standard fonts, so nothing is needed that the emulator does not
need anyway. `python demo/documents.py FOLDER` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium_c

if TYPE_CHECKING:
    from collections.abc import Sequence

Color = tuple[int, int, int]
INK: Color = (38, 42, 51)
GREY: Color = (112, 118, 130)
RULE: Color = (208, 212, 220)
MARGIN = 56.0


class Pen:
    """Draws on one page; y counts down from the top, in points."""

    def __init__(self, document: Any, width: float = 612.0, height: float = 792.0) -> None:
        self.document, self.width, self.height = document, width, height
        self.page = document.new_page(width, height)
        self.fonts = {
            bold: pdfium_c.FPDFText_LoadStandardFont(document, name)
            for bold, name in ((False, b"Helvetica"), (True, b"Helvetica-Bold"))
        }

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9.5,
        *,
        bold: bool = False,
        color: Color = INK,
        right: bool = False,
    ) -> float:
        """Write a line with its baseline at y and answer its width; `right` ends it at x."""
        item = pdfium_c.FPDFPageObj_CreateTextObj(self.document, self.fonts[bold], size)
        units = (text + "\0").encode("utf-16-le")
        buffer = (pdfium_c.FPDF_WCHAR * (len(units) // 2)).from_buffer_copy(units)
        pdfium_c.FPDFText_SetText(item, buffer)
        pdfium_c.FPDFPageObj_SetFillColor(item, *color, 255)
        edges = [pdfium_c.c_float() for _ in range(4)]
        pdfium_c.FPDFPageObj_GetBounds(item, *edges)
        width = float(edges[2].value)
        pdfium_c.FPDFPageObj_Transform(item, 1, 0, 0, 1, x - width if right else x, self.height - y)
        pdfium_c.FPDFPage_InsertObject(self.page, item)
        return width

    def box(self, x: float, y: float, width: float, height: float, color: Color) -> None:
        """Fill a rectangle; y is its upper edge."""
        item = pdfium_c.FPDFPageObj_CreateNewRect(x, self.height - y - height, width, height)
        pdfium_c.FPDFPageObj_SetFillColor(item, *color, 255)
        pdfium_c.FPDFPath_SetDrawMode(item, pdfium_c.FPDF_FILLMODE_WINDING, False)  # noqa: FBT003 - PDFium's signature
        pdfium_c.FPDFPage_InsertObject(self.page, item)

    def rule(self, y: float, left: float = MARGIN, right: float | None = None, color: Color = RULE) -> None:
        """Draw a thin line across."""
        end = self.width - MARGIN if right is None else right
        self.box(left, y, end - left, 0.7, color)

    def lines(self, x: float, y: float, lines: Sequence[str], step: float = 13.0, **look: Any) -> float:
        """Write lines below each other and answer the y after them."""
        for line in lines:
            self.text(x, y, line, **look)
            y += step
        return y

    def pairs(self, x: float, y: float, pairs: Sequence[tuple[str, str]], gap: float = 92.0) -> float:
        """Write "Label: value" lines."""
        for label, value in pairs:
            self.text(x, y, f"{label}:", color=GREY)
            self.text(x + gap, y, value)
            y += 15
        return y

    def done(self) -> None:
        """Finish the page."""
        pdfium_c.FPDFPage_GenerateContent(self.page)
        self.page.close()


class Column(NamedTuple):
    """A column of a table: its head and where it stands."""

    head: str
    x: float
    right: bool = False


def table(
    pen: Pen,
    y: float,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    ruled: bool,
    accent: Color,
) -> float:
    """Draw a table and answer the y below it."""
    left, width = MARGIN, pen.width - 2 * MARGIN
    if ruled:
        pen.box(left, y - 13, width, 20, accent)
    for column in columns:
        pen.text(
            column.x,
            y,
            column.head,
            9,
            bold=True,
            color=(255, 255, 255) if ruled else accent,
            right=column.right,
        )
    if not ruled:
        pen.rule(y + 6, color=accent)
    for number, row in enumerate(rows):
        y += 19
        if ruled and number % 2:
            pen.box(left, y - 12.5, width, 19, (245, 246, 249))
        for column, entry in zip(columns, row, strict=True):
            if entry:
                pen.text(column.x, y, entry, 9, right=column.right)
        if ruled:
            pen.rule(y + 6.5)
    return y + 24


def money(amount: float) -> str:
    """Write an amount with thousands."""
    return f"{amount:,.2f}"


def footer(pen: Pen, text: str, page: int, pages: int) -> None:
    """Write the foot of a page."""
    pen.rule(pen.height - 52)
    pen.text(MARGIN, pen.height - 38, text, 8, color=GREY)
    pen.text(pen.width - MARGIN, pen.height - 38, f"Page {page} of {pages}", 8, color=GREY, right=True)


class Item(NamedTuple):
    """A line of an invoice."""

    text: str
    quantity: int
    price: float


def _item_rows(items: Sequence[Item]) -> list[list[str]]:
    return [
        [item.text, str(item.quantity), money(item.price), money(item.quantity * item.price)]
        for item in items
    ]


_ITEM_COLUMNS = (
    Column("Description", MARGIN + 8),
    Column("Quantity", 372, right=True),
    Column("Unit price", 458, right=True),
    Column("Amount", 548, right=True),
)


def _totals(
    pen: Pen, y: float, items: Sequence[Item], rate: float, labels: tuple[str, str, str], accent: Color
) -> None:
    subtotal = round(sum(item.quantity * item.price for item in items), 2)
    tax = round(subtotal * rate, 2)
    for label, amount in zip(labels[:2], (subtotal, tax), strict=True):
        pen.text(372, y, f"{label}:", color=GREY)
        pen.text(548, y, f"${money(amount)}", right=True)
        y += 16
    pen.rule(y - 9, 372)
    y += 6
    pen.text(372, y, f"{labels[2]}:", 11.5, bold=True, color=accent)
    pen.text(548, y, f"${money(subtotal + tax)}", 11.5, bold=True, right=True)


def ruled_invoice(document: Any) -> None:
    """Draw an invoice with a ruled table and labels beside their values."""
    accent: Color = (28, 78, 128)
    items = [
        Item("A4 premium copy paper, 500 sheets", 40, 7.50),
        Item("Recycled kraft envelopes, box of 250", 12, 14.25),
        Item("Gel pens, blue, pack of 12", 18, 9.80),
        Item("Desk organiser, bamboo", 6, 32.00),
        Item("Delivery, two pallets", 1, 85.00),
    ]
    pen = Pen(document)
    pen.box(0, 0, pen.width, 10, accent)
    pen.text(MARGIN, 66, "Juniper Paper Supply", 20, bold=True, color=accent)
    pen.text(MARGIN, 84, "1200 Harbor Road, Suite 400, Springfield, IL 62704", 9, color=GREY)
    pen.text(pen.width - MARGIN, 66, "INVOICE", 20, bold=True, color=GREY, right=True)
    pen.pairs(
        MARGIN,
        130,
        [
            ("Vendor name", "Juniper Paper Supply"),
            ("Invoice number", "INV-2026-0042"),
            ("Invoice date", "2026-09-14"),
            ("Due date", "2026-10-14"),
        ],
    )
    pen.text(360, 130, "Bill to", bold=True, color=accent)
    pen.lines(360, 145, ["Okonkwo & Daughters Ltd.", "88 Canal Street", "Rivertown, NY 10999"])
    y = table(pen, 226, _ITEM_COLUMNS, _item_rows(items), ruled=True, accent=accent)
    _totals(pen, y + 6, items, 0.0825, ("Subtotal", "Tax", "Total amount due"), accent)
    pen.text(MARGIN, 560, "Please pay by bank transfer and quote the invoice number.", 9, color=GREY)
    pen.text(MARGIN, 575, "Questions? billing@juniper-paper.example, (555) 010-4477", 9, color=GREY)
    footer(pen, "Juniper Paper Supply - a company that does not exist", 1, 1)
    pen.done()


def unruled_invoice(document: Any) -> None:
    """Draw an invoice without rules, its labels above their values."""
    accent: Color = (15, 118, 110)
    items = [
        Item("Site survey, harbor basin", 2, 640.00),
        Item("Water quality analysis", 14, 95.50),
        Item("Report and presentation", 1, 1_250.00),
    ]
    pen = Pen(document)
    pen.text(MARGIN, 76, "Brightwater Consulting", 17, bold=True)
    pen.text(MARGIN, 93, "Environmental engineers", 9.5, color=GREY)
    pen.text(pen.width - MARGIN, 76, "Invoice", 26, color=accent, right=True)
    pen.rule(116, color=accent)
    heads = (
        ("Invoice No.", "BW-7719"),
        ("Date", "August 3, 2026"),
        ("Due date", "September 2, 2026"),
        ("Currency", "USD"),
    )
    for at, (head, value) in enumerate(heads):
        pen.text(MARGIN + at * 126, 142, head, 8.5, color=GREY)
        pen.text(MARGIN + at * 126, 157, value, 10.5, bold=True)
    pen.text(MARGIN, 192, "Bill to", 8.5, color=GREY)
    pen.lines(
        MARGIN,
        206,
        ["Port Authority of Lakeview", "Attn. Mireille Castellanos", "3 Quay Side, Lakeview, MI 49000"],
    )
    pen.text(340, 192, "Vendor name", 8.5, color=GREY)
    pen.text(340, 206, "Brightwater Consulting LLC")
    y = table(pen, 284, _ITEM_COLUMNS, _item_rows(items), ruled=False, accent=accent)
    _totals(pen, y + 10, items, 0.06, ("Subtotal", "Sales tax", "Amount due"), accent)
    footer(pen, "Brightwater Consulting LLC - made up for a demo", 1, 1)
    pen.done()


def long_invoice(document: Any) -> None:
    """Draw an invoice whose table goes on over two pages."""
    accent: Color = (126, 34, 106)
    names = (
        "Brass hinge",
        "Oak shelf",
        "Drawer runner",
        "Wood glue",
        "Linen fabric",
        "Cabinet knob",
        "Felt pad",
    )
    sizes = ("small", "medium", "large", "wide", "extra long")
    items = [
        Item(f"{names[at % 7]}, {sizes[at % 5]}", 2 + at % 9, round(3.40 + 2.35 * (at % 11), 2))
        for at in range(34)
    ]
    for page, part in enumerate((items[:22], items[22:]), start=1):
        pen = Pen(document)
        pen.text(MARGIN, 70, "Mabel & Finch Furniture", 18, bold=True, color=accent)
        pen.text(pen.width - MARGIN, 70, "INVOICE", 14, bold=True, right=True)
        pen.text(pen.width - MARGIN, 86, "MF-30218", 10, color=GREY, right=True)
        y = 130.0
        if page == 1:
            pen.pairs(
                MARGIN,
                122,
                [
                    ("Vendor", "Mabel & Finch Furniture"),
                    ("Invoice #", "MF-30218"),
                    ("Invoice date", "2026-07-21"),
                    ("Payment due date", "2026-08-20"),
                ],
                gap=104,
            )
            pen.text(370, 122, "Bill to", bold=True, color=accent)
            pen.lines(370, 137, ["Hotel Aurelia", "14 Orchard Lane", "Mapleton, OR 97453"])
            y = 216.0
        y = table(pen, y, _ITEM_COLUMNS, _item_rows(part), ruled=True, accent=accent)
        if page == 2:
            _totals(pen, y + 6, items, 0.0, ("Subtotal", "Tax", "Total amount due"), accent)
        footer(pen, "Mabel & Finch Furniture - fictional", page, 2)
        pen.done()


def bank_statement(document: Any) -> None:
    """Draw a bank statement of three pages."""
    accent: Color = (17, 94, 89)
    columns = (
        Column("Date", MARGIN + 8),
        Column("Description", 130),
        Column("Withdrawals", 372, right=True),
        Column("Deposits", 458, right=True),
        Column("Balance", 548, right=True),
    )
    shops = (
        "Corner Bakery",
        "City Transit",
        "Green Grocer",
        "Book Nook",
        "Rent, Elm Street",
        "Water Works",
        "Cafe Lumen",
    )
    balance = opening = 4_182.37
    rows: list[list[str]] = []
    paid = received = 0.0
    for at in range(54):
        amount = round(6.20 + (at * 37 % 91) * 1.15 + (900 if at % 27 == 4 else 0), 2)
        incoming = at % 9 == 8
        amount = round(amount * 12, 2) if incoming else amount
        balance = round(balance + (amount if incoming else -amount), 2)
        paid, received = paid + (0 if incoming else amount), received + (amount if incoming else 0)
        date = f"2026-08-{1 + at * 30 // 54:02d}"
        text = "Salary, Quill Works Inc." if incoming else shops[at % 7]
        rows.append(
            [date, text, "" if incoming else money(amount), money(amount) if incoming else "", money(balance)]
        )
    for page, part in enumerate((rows[:16], rows[16:42], rows[42:]), start=1):
        pen = Pen(document)
        pen.box(0, 0, 14, pen.height, accent)
        pen.text(MARGIN, 68, "Lantern Savings Bank", 18, bold=True, color=accent)
        pen.text(pen.width - MARGIN, 68, "Bank statement", 13, color=GREY, right=True)
        y = 118.0
        if page == 1:
            pen.pairs(
                MARGIN,
                112,
                [
                    ("Bank name", "Lantern Savings Bank"),
                    ("Account holder name", "Tobias Wren"),
                    ("Account number", "000 4471 2093"),
                    ("Account type", "Checking"),
                ],
                gap=116,
            )
            pen.text(352, 112, "Account holder address", color=GREY)
            pen.lines(352, 127, ["27 Lighthouse Way, Apt. 5", "Seabrook, ME 04000"])
            pen.box(MARGIN, 186, pen.width - 2 * MARGIN, 74, (236, 247, 245))
            summary = (
                ("Statement start date", "2026-08-01"),
                ("Statement end date", "2026-08-31"),
                ("Opening balance", f"${money(opening)}"),
                ("Closing balance", f"${money(balance)}"),
                ("Total deposits", f"${money(received)}"),
                ("Total withdrawals", f"${money(paid)}"),
            )
            for at, (label, value) in enumerate(summary):
                x, top = MARGIN + 16 + at // 2 * 168, 206 + at % 2 * 30
                pen.text(x, top, label, 8.5, color=GREY)
                pen.text(x, top + 13, value, 10, bold=True)
            y = 292.0
        table(pen, y, columns, part, ruled=False, accent=accent)
        footer(pen, "Lantern Savings Bank - no such bank", page, 3)
        pen.done()


def pay_stub(document: Any) -> None:
    """Draw a pay stub with earnings and deductions."""
    accent: Color = (67, 56, 202)
    pen = Pen(document, 612, 540)
    pen.box(0, 0, pen.width, 84, accent)
    pen.text(MARGIN, 40, "Quill Works Inc.", 19, bold=True, color=(255, 255, 255))
    pen.text(MARGIN, 60, "500 Foundry Avenue, Dayton, OH 45400", 9, color=(214, 212, 255))
    pen.text(pen.width - MARGIN, 44, "Pay Stub", 19, color=(255, 255, 255), right=True)
    left = [
        ("Employee name", "Imani Delacroix"),
        ("Employee ID", "QW-2231"),
        ("Social security number", "078-05-1120"),
        ("Department", "Bindery"),
    ]
    pen.pairs(MARGIN, 116, left, gap=124)
    right = [("Pay date", "2026-09-30"), ("Pay period start", "2026-09-16"), ("Pay period end", "2026-09-30")]
    pen.pairs(356, 116, right, gap=104)
    columns = (
        Column("Earnings", MARGIN + 8),
        Column("Hours", 320, right=True),
        Column("Rate", 400, right=True),
        Column("Current", 478, right=True),
        Column("YTD", 548, right=True),
    )
    earnings = [
        ["Regular pay", "80.00", "31.50", "2,520.00", "45,360.00"],
        ["Overtime", "6.00", "47.25", "283.50", "3,118.50"],
        ["Holiday", "8.00", "31.50", "252.00", "1,512.00"],
    ]
    y = table(pen, 214, columns, earnings, ruled=True, accent=accent)
    columns = (
        Column("Deductions", MARGIN + 8),
        Column("Current", 478, right=True),
        Column("YTD", 548, right=True),
    )
    deductions = [
        ["Federal income tax", "398.20", "6,514.80"],
        ["Social security tax", "189.44", "3,099.40"],
        ["Medical insurance", "112.00", "2,016.00"],
    ]
    y = table(pen, y + 8, columns, deductions, ruled=True, accent=accent)
    for at, (label, value) in enumerate(
        (("Gross pay", "$3,055.50"), ("Total deductions", "$699.64"), ("Net pay", "$2,355.86"))
    ):
        pen.text(MARGIN + 8 + at * 176, y + 14, label, 9, color=GREY)
        pen.text(MARGIN + 8 + at * 176, y + 30, value, 13, bold=True, color=accent if at == 2 else INK)
    footer(pen, "Fictional employer, fictional employee", 1, 1)
    pen.done()


def receipt(document: Any) -> None:
    """Draw a narrow till receipt."""
    pen = Pen(document, 288, 470)
    left, right = 24.0, 264.0
    pen.text(left, 44, "CAFE LUMEN", 16, bold=True)
    pen.lines(left, 60, ["9 Mill Row, Bridgeport, CT 06600", "Tel. (555) 010-8830"], size=8.5, color=GREY)
    pen.text(right, 44, "Receipt", 12, color=GREY, right=True)
    pen.rule(86, left, right)
    pen.pairs(
        left,
        106,
        [
            ("Merchant name", "Cafe Lumen"),
            ("Receipt number", "118-20934"),
            ("Date", "2026-09-12"),
            ("Time", "08:41"),
        ],
        gap=88,
    )
    pen.rule(162, left, right)
    columns = (Column("Item", left), Column("Qty", 176, right=True), Column("Price", right, right=True))
    rows = (
        ("Flat white", "2", "9.00"),
        ("Almond croissant", "1", "4.75"),
        ("Orange juice, fresh", "1", "5.50"),
        ("Sourdough loaf", "1", "8.25"),
    )
    y = 182.0
    for column in columns:
        pen.text(column.x, y, column.head, 9, bold=True, right=column.right)
    for row in rows:
        y += 17
        for column, entry in zip(columns, row, strict=True):
            pen.text(column.x, y, entry, 9.5, right=column.right)
    pen.rule(y + 10, left, right)
    y += 30
    for label, value, bold in (
        ("Subtotal", "$27.50", False),
        ("Tax", "$1.75", False),
        ("Total", "$29.25", True),
    ):
        pen.text(left, y, f"{label}:", 12 if bold else 9.5, bold=bold)
        pen.text(right, y, value, 12 if bold else 9.5, bold=bold, right=True)
        y += 18
    pen.rule(y - 4, left, right)
    pen.pairs(left, y + 16, [("Payment method", "Card"), ("Card number", "4111 1111 1111 1111")], gap=88)
    pen.text(left, y + 66, "Thank you for stopping by!", 9, color=GREY)
    pen.done()


_DRAWN = {
    "bank-statement-lantern.pdf": bank_statement,
    "invoice-brightwater.pdf": unruled_invoice,
    "invoice-juniper.pdf": ruled_invoice,
    "invoice-mabel-finch.pdf": long_invoice,
    "pay-stub-quill-works.pdf": pay_stub,
    "receipt-cafe-lumen.pdf": receipt,
}


def make_documents(folder: Path) -> list[Path]:
    """Write the demo's documents into a folder, which is made.

    :param folder: where to.
    :returns: the files, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, draw in _DRAWN.items():
        document = pypdfium2.PdfDocument.new()
        try:
            draw(document)
            document.save(folder / name)
        finally:
            document.close()
        made.append(folder / name)
    return made


def _field(kind: str, instruction: str) -> dict[str, str]:
    return {"type": kind, "inferenceType": "explicit", "instruction": instruction}


def _rows(name: str, instruction: str) -> dict[str, Any]:
    return {"type": "array", "instruction": instruction, "items": {"$ref": f"#/definitions/{name}"}}


def _blueprint(
    klass: str, description: str, properties: dict[str, Any], definitions: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": description,
        "class": klass,
        "type": "object",
        "definitions": {
            name: {"type": "object", "properties": fields} for name, fields in definitions.items()
        },
        "properties": properties,
    }


#: Blueprint schemas by the name a blueprint is made under.
BLUEPRINTS: dict[str, dict[str, Any]] = {
    "invoice": _blueprint(
        "Invoice",
        "A bill for goods or services, with what was delivered and what is to be paid.",
        {
            "vendor_name": _field(
                "string", "The company that sends the invoice, at 'Vendor name' or 'Vendor'"
            ),
            "invoice_number": _field(
                "string", "The number of the invoice, at 'Invoice number' or 'Invoice No.'"
            ),
            "invoice_date": _field("string", "The day the invoice was written"),
            "due_date": _field("string", "The day by which to pay, at 'Due date' or 'Payment due date'"),
            "billing_address": _field("string", "Who has to pay and where they live, below 'Bill to'"),
            "subtotal": _field("number", "The sum before tax"),
            "tax_amount": _field("number", "The tax, at 'Tax' or 'Sales tax'"),
            "total_amount": _field("number", "What is to be paid, at 'Total amount due' or 'Amount due'"),
            "line_items": _rows("LINE_ITEM", "Each line of the table of goods and services"),
        },
        {
            "LINE_ITEM": {
                "description": _field("string", "What was delivered"),
                "quantity": _field("number", "How many"),
                "unit_price": _field("number", "The price of one"),
                "amount": _field("number", "The price of all"),
            }
        },
    ),
    "bank-statement": _blueprint(
        "Bank Statement",
        "An account's movements over a month, with opening and closing balance.",
        {
            "bank_name": _field("string", "The bank"),
            "account_holder_name": _field("string", "Whose account it is"),
            "account_holder_address": _field("string", "Where they live"),
            "account_number": _field("string", "The number of the account"),
            "account_type": _field("string", "Checking or savings"),
            "statement_start_date": _field("string", "The first day of the statement"),
            "statement_end_date": _field("string", "The last day of the statement"),
            "opening_balance": _field("number", "The balance at the start"),
            "closing_balance": _field("number", "The balance at the end"),
            "total_deposits": _field("number", "All that came in"),
            "total_withdrawals": _field("number", "All that went out"),
            "transactions": _rows("TRANSACTION", "Each movement, on every page"),
        },
        {
            "TRANSACTION": {
                "date": _field("string", "The day"),
                "description": _field("string", "What for"),
                "withdrawals": _field("number", "What went out"),
                "deposits": _field("number", "What came in"),
                "balance": _field("number", "The balance after it"),
            }
        },
    ),
    "pay-stub": _blueprint(
        "Pay Stub",
        "What an employee earned in a period and what was kept back.",
        {
            "employee_name": _field("string", "Who was paid"),
            "employee_id": _field("string", "Their number with the employer"),
            "employee_ssn": _field("string", "Their 'Social security number'"),
            "pay_date": _field("string", "The day of payment"),
            "pay_period_start": _field("string", "The first day paid for"),
            "pay_period_end": _field("string", "The last day paid for"),
            "gross_pay": _field("number", "All earnings"),
            "total_deductions": _field("number", "All that was kept back"),
            "net_pay": _field("number", "What was paid out"),
            "earnings": _rows("EARNING", "Each kind of earning"),
        },
        {
            "EARNING": {
                "earnings": _field("string", "What for"),
                "hours": _field("number", "How long"),
                "rate": _field("number", "Per hour"),
                "current": _field("number", "In this period"),
                "ytd": _field("number", "In the year so far"),
            }
        },
    ),
    "receipt": _blueprint(
        "Receipt",
        "What was bought and paid in a shop.",
        {
            "merchant_name": _field("string", "The shop"),
            "receipt_number": _field("string", "The number of the receipt"),
            "date": _field("string", "The day"),
            "time": _field("string", "The time of day"),
            "subtotal": _field("number", "The sum before tax"),
            "tax": _field("number", "The tax"),
            "total": _field("number", "What was paid"),
            "payment_method": _field("string", "Cash or card"),
            "card_number": _field("string", "The card it was paid with"),
            "items": _rows("ITEM", "Each thing bought"),
        },
        {
            "ITEM": {
                "item": _field("string", "What"),
                "quantity": _field("number", "How many, at 'Qty'"),
                "price": _field("number", "For how much"),
            }
        },
    ),
}


if __name__ == "__main__":
    for path in make_documents(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-documents")):
        print(path)
