"""Progress on stderr: a bar with rate and time left on a terminal, nothing elsewhere."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from services.cli.common import console


def progress_bar() -> Progress:
    """A bar with rate and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class Meter:
    """One line of a progress bar, with a rate."""

    def __init__(self, bar: Progress, description: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=total, rate="")

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._bar.advance(self._task, count)
        self._rate()

    def more(self, count: int) -> None:
        """So many more were found and are done, of nobody knows how many."""
        task = self._bar.tasks[self._task]
        self._bar.update(self._task, total=(task.total or 0) + count, advance=count)
        self._rate()

    def left(self, count: int) -> None:
        """So many are left; the total grows if there are more than were known."""
        task = self._bar.tasks[self._task]
        total = max(task.total or 0, count)
        self._bar.update(self._task, total=total, completed=total - count)
        self._rate()

    def _rate(self) -> None:
        speed = self._bar.tasks[self._task].speed
        if speed:
            self._bar.update(self._task, rate=f"{speed:,.0f}/s")
