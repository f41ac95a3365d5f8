"""The episodes in a page that was written."""

import base64
import re
from pathlib import Path


def packed_in(path: Path) -> list[bytes]:
    texts = re.findall(r'<script type="text/plain" class="episode">(.*?)</script>', path.read_text(encoding="utf-8"))
    return [base64.b64decode(text) for text in texts]
