"""What the demo of the UI shows beside PDFs: a recording, a picture, a packet that is split, a letter that is redacted."""

from __future__ import annotations

import wave
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pypdfium2
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_rest import AirflowRest

LETTER = """Dear Ms Lovelace,

we have your card 4111-1111-1111-1111 on file and write to ada@example.com.
Your social security number 078-05-1120 stands on page 2.
Please call +44 20 7946 0958 if any of this is wrong.

Yours, the Lantern Bank
"""
#: What is said in the recording: the emulator does not listen, it is told.
FIXTURES: dict[str, Any] = {
    "*/call.wav": {
        "standard_output": {
            "audio": {"summary": "A customer asks where her order is; it will arrive on Friday."},
            "audio_segments": [
                {
                    "text": text,
                    "start_timestamp_millis": start,
                    "end_timestamp_millis": start + 3_500,
                    "speaker": {"speaker_label": speaker},
                }
                for start, speaker, text in (
                    (400, "spk_0", "Juniper Paper Supply, good morning. How can I help?"),
                    (4_600, "spk_1", "Good morning. I ordered ten boxes of envelopes and nothing has come."),
                    (9_900, "spk_0", "Let me look. The order left us on Tuesday."),
                    (14_200, "spk_0", "It will be with you on Friday."),
                    (17_800, "spk_1", "Friday is fine, thank you."),
                )
            ],
        }
    }
}


def make_kinds(folder: Path) -> dict[str, Path]:
    """Write the files into a folder that has the demo's documents; answer name -> file."""
    made = {name: folder / name for name in ("call.wav", "sign.png", "packet.pdf", "letter.txt")}
    made["call.wav"].write_bytes(_recording())
    made["sign.png"].write_bytes(_picture())
    made["letter.txt"].write_text(LETTER)
    packet = pypdfium2.PdfDocument.new()
    for name in ("invoice-juniper.pdf", "bank-statement-lantern.pdf", "invoice-brightwater.pdf"):
        with pypdfium2.PdfDocument(folder / name) as part:
            packet.import_pages(part)
    packet.save(made["packet.pdf"])
    packet.close()
    return made


def start_kinds(
    aws: Emulator, rest: AirflowRest, bucket: str, dag_id: str, files: Mapping[str, Path], project: str
) -> dict[str, str]:
    """Run the Dag on the files, the letter with a project that redacts; answer the two runs."""
    s3 = aws.client("s3")
    for name, path in files.items():
        s3.upload_file(str(path), bucket, f"in/{name}")
    control = aws.client("bedrock-data-automation")
    given = control.get_data_automation_project(projectArn=project)["project"]

    def project_with(name: str, document: dict[str, Any]) -> str:
        made = control.create_data_automation_project(
            projectName=name,
            standardOutputConfiguration={},
            customOutputConfiguration=given["customOutputConfiguration"],
            overrideConfiguration={"document": document},
        )
        return str(made["projectArn"])

    splitting = project_with("bda-demo-splitting", {"splitter": {"state": "ENABLED"}})
    redacting = project_with(
        "bda-demo-redacting",
        {
            "sensitiveDataConfiguration": {
                "detectionMode": "DETECTION_AND_REDACTION",
                "detectionScope": ["STANDARD", "CUSTOM"],
                "piiEntitiesConfiguration": {"piiEntityTypes": ["ALL"], "redactionMaskMode": "ENTITY_TYPE"},
            }
        },
    )
    runs = {}
    for run, names, arn in (
        ("kinds", [name for name in files if name != "letter.txt"], splitting),
        ("redacted", ["letter.txt"], redacting),
    ):
        conf = {
            "documents": [f"s3://{bucket}/in/{name}" for name in names],
            "output_s3_uri": f"s3://{bucket}/out",
            "project": arn,
        }
        runs[run] = rest.trigger(dag_id, conf)
    return runs


def _recording() -> bytes:
    out = BytesIO()
    with wave.open(out, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(bytes(2 * 8_000 * 22))
    return out.getvalue()


def _picture() -> bytes:
    picture = Image.new("RGB", (900, 600), (34, 84, 120))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 60, 840, 540), outline=(240, 240, 240), width=8)
    for line, (text, size) in enumerate((("JUNIPER PAPER SUPPLY", 56), ("Deliveries: back door", 40))):
        draw.text((110, 170 + 140 * line), text, fill=(250, 240, 200), font_size=size)
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
