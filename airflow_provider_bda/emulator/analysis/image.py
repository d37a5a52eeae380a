"""Reads pictures with Pillow: their size and soundness. There is no OCR here, so no text is found."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from airflow_provider_bda.emulator.analysis.model import AnalysisRejected, Page, ReadDocument

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

    from airflow_provider_bda.emulator.analysis.limits import Limits

# The plug-ins themselves instead of `Image.open`: that one warns of large pictures before their
# size can be compared with the service's own limit.
_OPEN: dict[str, type[ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}


def read_image(body: bytes, file_format: str, modality: str, limits: Limits, max_pages: int) -> ReadDocument:
    """Read a picture as an image, or as the pages of a document.

    :raises AnalysisRejected: when it is broken, too large or has too many pages.
    """
    try:
        with _OPEN[file_format](BytesIO(body)) as picture:
            (width, height), frames = picture.size, getattr(picture, "n_frames", 1)
            if file_format != "TIFF":
                picture.verify()
    except Exception:  # noqa: BLE001 - a parser of foreign bytes: whatever it raises, the file is at fault
        raise AnalysisRejected(
            "InvalidFile", f"The input is not a valid {file_format} file: it is damaged or cut off."
        ) from None
    if max(width, height) > limits.image_pixels:
        raise AnalysisRejected(
            "ImageSizeExceeded",
            f"The image measures {width} x {height} pixels, more than the {limits.image_pixels} supported.",
        )
    if frames > max_pages:
        raise AnalysisRejected(
            "PageLimitExceeded", f"The document has {frames} pages, more than the {max_pages} supported."
        )
    count = frames if modality == "DOCUMENT" else 1
    pages = tuple(Page(index, float(width), float(height), ()) for index in range(count))
    return ReadDocument(modality, file_format, pages, {"width": width, "height": height})
