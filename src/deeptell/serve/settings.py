"""What whoever runs the server decides."""

from pathlib import Path

from pydantic import Field

from deeptell.config import Stage

GIB = 2**30


class ServeSettings(Stage):
    """How files are taken, examined and kept. All sizes are in bytes, all times in seconds."""

    folder: Path = Field(description="of the database, the uploads and the answers")
    bundle: Path
    roots: tuple[Path, ...] = Field((), description="folders whose files may be named")
    workers: int = Field(1, ge=1)
    upload_bytes: int = Field(8 * GIB, ge=1, description="of one file")
    spare_bytes: int = Field(GIB, ge=0, description="that uploads leave free on the disk")
    video_seconds: float = Field(4 * 3600.0, gt=0)
    video_frames: int = Field(1_000_000, ge=1)
    pixels: int = Field(8192 * 4320, ge=1, description="of one frame")
    job_seconds: float = Field(3600.0, gt=0, description="that one file may be examined")
    worker_bytes: int = Field(6 * GIB, ge=1, description="of memory, of one worker")
    keep_seconds: float = Field(
        7 * 24 * 3600.0, gt=0, description="from a job's end to its erasure"
    )

    @property
    def database(self) -> Path:
        """The file of all jobs."""
        return self.folder / "jobs.sqlite"

    @property
    def uploads(self) -> Path:
        """Where files that were sent lie."""
        return self.folder / "uploads"

    @property
    def results(self) -> Path:
        """Where answers lie, a folder each."""
        return self.folder / "results"
