"""The dataset: every report, priority and outcome that was taken from Kafka, and what was trained from them.

Five Delta tables in one folder or object store. The first three are logs of events, which only an erasure changes: what
a training set looked like at some moment is a query over them up to its marks (`trainer.training.training_set`).
"""

from datetime import datetime
from pathlib import Path
from typing import Final, TypeGuard

import pyarrow as pa
from deltalake import QueryBuilder

from schemas import topics
from trainer.dataset import rows
from trainer.dataset.tables import Marks, Table, mark

TABLES: Final = {
    topics.CRIME_REPORTS: "reports",
    topics.PRIORITIES: "priorities",
    topics.SOLVED_CASES: "outcomes",
}
"""Which table takes which topic."""


class Dataset:
    """The tables under `root`, made when absent. One process appends; any number may query.

    root: a folder, or the URL of a place in an object store, `s3://bucket/place`. Credentials, region and endpoint of
    a store come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …); it must know conditional writes.
    """

    def __init__(self, root: str | Path) -> None:
        def table(name: str, schema: pa.Schema, *statistics: str) -> Table:
            return Table(f"{root.rstrip('/')}/{name}" if is_url(root) else Path(root, name), schema, statistics)

        self.root = root
        self._tables = {
            "reports": table("reports", rows.REPORTS, "offset", "revision", "reported_at"),
            "priorities": table("priorities", rows.PRIORITIES, "offset", "release", "scored_at"),
            "outcomes": table("outcomes", rows.OUTCOMES, "offset", "sequence", "closed_at"),
            "trainings": table("trainings", rows.TRAININGS, "started_at"),
            "erasures": table("erasures", rows.ERASURES, "erased_at"),
        }

    def __getitem__(self, name: str) -> Table:
        """A table by its name."""
        return self._tables[name]

    def marks(self) -> Marks:
        """Where to go on reading, of every partition that gave a row; names the present state of the dataset."""
        seen = (
            f"SELECT DISTINCT '{name}' AS name, topic, partition FROM {name}"  # noqa: S608
            for name in TABLES.values()  # the names are ours, no input reaches the text
        )
        found = self.query(" UNION ALL ".join(seen)).to_pylist()
        partitions = [(self._tables[row["name"]], mark(row["topic"], row["partition"])) for row in found]
        return {name: table.mark(name) or 0 for table, name in partitions}

    def due(self, now: datetime) -> list[str]:
        """Names of the tables that are to be tidied."""
        return [name for name, table in self._tables.items() if table.due(now)]

    def erase(self, agency_id: str, report_id: str) -> dict[str, int]:
        """Delete every row of a report, from the disk too; how many each table held. Its tombstone is another matter:
        `trainer.dataset.erasure.erase`."""
        identity = {"agency_id": agency_id, "report_id": report_id}
        return {name: self._tables[name].erase(identity) for name in TABLES.values()}

    def versions(self) -> dict[str, int]:
        """Version of each table as it stands."""
        return {name: table.version() for name, table in self._tables.items()}

    def query(self, sql: str) -> pa.Table:
        """Answer of a DataFusion SELECT over the tables `reports`, `priorities`, `outcomes`, `trainings`,
        `erasures`."""
        builder = QueryBuilder()
        for name, table in self._tables.items():
            table.register(name, builder)
        found = pa.table(builder.execute(sql).read_all())
        return found.cast(pa.schema([(field.name, _plain(field.type)) for field in found.schema]))


def is_url(root: str | Path) -> TypeGuard[str]:
    """Whether a dataset lies in an object store, and not in a folder."""
    return isinstance(root, str) and "://" in root


def _plain(kind: pa.DataType) -> pa.DataType:
    """DataFusion answers with string views, which pyarrow cannot filter yet."""
    return pa.string() if kind == pa.string_view() else kind
