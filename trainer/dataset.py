"""The dataset: every report, priority and outcome that was taken from Kafka, and what was trained from them.

Four Delta tables in one folder. The first three are logs of events, never edited: what a training set looked like at
some moment is a query over them up to that moment's marks (`trainer.training_set`).
"""

from pathlib import Path
from typing import Final

import pyarrow as pa
from deltalake import QueryBuilder

from schemas import topics
from trainer import rows
from trainer.tables import Marks, Table, mark

TABLES: Final = {
    topics.CRIME_REPORTS: "reports",
    topics.PRIORITIES: "priorities",
    topics.SOLVED_CASES: "outcomes",
}
"""Which table takes which topic."""


class Dataset:
    """The tables under the folder `root`, made when absent. One process appends; any number may query."""

    def __init__(self, root: str | Path) -> None:
        folder = Path(root)
        self._tables = {
            "reports": Table(folder / "reports", rows.REPORTS, ("offset", "revision", "reported_at")),
            "priorities": Table(folder / "priorities", rows.PRIORITIES, ("offset", "release", "scored_at")),
            "outcomes": Table(folder / "outcomes", rows.OUTCOMES, ("offset", "sequence", "closed_at")),
            "trainings": Table(folder / "trainings", rows.TRAININGS, ("started_at",)),
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

    def versions(self) -> dict[str, int]:
        """Version of each table as it stands."""
        return {name: table.version() for name, table in self._tables.items()}

    def query(self, sql: str) -> pa.Table:
        """Answer of a DataFusion SELECT over the tables `reports`, `priorities`, `outcomes` and `trainings`."""
        builder = QueryBuilder()
        for name, table in self._tables.items():
            table.register(name, builder)
        found = pa.table(builder.execute(sql).read_all())
        return found.cast(pa.schema([(field.name, _plain(field.type)) for field in found.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    """DataFusion answers with string views, which pyarrow cannot filter yet."""
    return pa.string() if kind == pa.string_view() else kind
