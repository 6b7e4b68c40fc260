"""Write the OpenAPI document, from which the page's client is generated.

`python scripts/write_openapi.py frontend/openapi.json`, then `npm run client` in frontend/.
"""

import json
import sys
from pathlib import Path

from app.config import Settings
from app.main import create_app


def document_text() -> str:
    """Return the document of this version as stable text."""
    settings = Settings(mode="embedded", secret_keys="A" * 43 + "=")  # signs nothing here
    document = create_app(settings, background=False).openapi()
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document_text(), encoding="utf-8")
