"""Whether any file of ours still names a report: every file is read, and Parquet is decoded.

What is looked for: the report's key `agency/report`, its number as JSON writes it, and its bare number where that is so
long that it is not there by chance. In Parquet also a row whose columns hold the identity.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.store import from_url

from trainer.dataset.dataset import is_url

TELLING: Final = 8
"""Characters from which on a bare number is looked for, too."""


def traces(root: str | Path, agency_id: str, report_id: str) -> list[str]:
    """Names of the files under a folder or URL that hold the report, in order; empty when there is no such folder."""
    texts = _texts(agency_id, report_id)
    needles = [text.encode() for text in texts]
    found = []
    for name, content in _files(root):
        held = any(needle in content for needle in needles)
        if held or (name.endswith(".parquet") and _decoded(content, texts, agency_id, report_id)):
            found.append(name)
    return sorted(found)


def _texts(agency_id: str, report_id: str) -> list[str]:
    written = {json.dumps(report_id), json.dumps(report_id, ensure_ascii=False)}
    found = [f"{agency_id}/{report_id}"]
    found += [f'"report_id":{space}{text}' for text in sorted(written) for space in ("", " ")]
    return [*found, report_id] if len(report_id) >= TELLING else found


def _files(root: str | Path) -> Iterator[tuple[str, bytes]]:
    if is_url(root):
        store = from_url(root)
        for page in obstore.list(store):
            for thing in page:
                yield thing["path"], bytes(obstore.get(store, thing["path"]).bytes())
        return
    folder = Path(root)
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _decoded(content: bytes, texts: list[str], agency_id: str, report_id: str) -> bool:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
    except pa.ArrowInvalid:  # of a writer that died: what it wrote was looked at as bytes
        return False
    return any(_in_batch(batch, texts, agency_id, report_id) for batch in file.iter_batches())


def _in_batch(batch: pa.RecordBatch, texts: list[str], agency_id: str, report_id: str) -> bool:
    columns = {name: _plain(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    if {"agency_id", "report_id"} <= columns.keys():
        same = pc.and_(pc.equal(columns["agency_id"], agency_id), pc.equal(columns["report_id"], report_id))
        if pc.any(same).as_py():
            return True
    for column in columns.values():
        if pa.types.is_string(column.type):
            if any(pc.any(pc.match_substring(column, text)).as_py() for text in texts):
                return True
        elif not pa.types.is_primitive(column.type):
            said = json.dumps(column.to_pylist(), default=str, ensure_ascii=False)
            if any(text in said for text in texts):
                return True
    return False


def _plain(column: pa.Array) -> pa.Array:
    """Text of whatever kind as strings, which alone can be searched."""
    kind = column.type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_dictionary)
    return column.cast(pa.string()) if any(is_text(kind) for is_text in texts) else column
