"""A disk that is really full: what is asked is refused in a sentence, and nothing is lost."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import serving


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_nothing_is_lost_and_all_goes_on_once_there_is_room(
    disk: Path, settings_for, benchmark: Path
) -> None:
    clip = benchmark / "extra" / "two_people_right_swapped.mp4"
    with serving(settings_for(disk / "served", spare_bytes=0)) as client:
        first = client.send(clip, "name=first.mp4").json["id"]
        assert client.ended(first)["state"] == "done"
        too_much = client.send(clip.read_bytes() + bytes(10**7))
        assert (too_much.status, "No space" in too_much.json["detail"]) == (507, True)
        waits = client.send(clip.read_bytes() + b"\1", "name=waits.mp4").json["id"]
        ballast = fill(disk)
        refused = client.send(clip.read_bytes() + b"\2")
        assert refused.status == 507
        assert client.get(f"/jobs/{first}/result").status == 200
        assert client.ask("GET", "/").status == 200
        ballast.unlink()
        job = client.ended(waits)  # in time, or it says why not
        assert (job["state"], job["error"]) in (
            ("done", None),
            ("failed", "The answer cannot be written: No space left on device."),
        )
        names = {path.name for path in client.app.state.settings.uploads.iterdir()}
        assert len(names) == 2
        assert not list(client.app.state.settings.results.glob(".*"))
        fill(disk)
        assert client.delete(first).status == 204  # what makes room is never refused for want of it
        (disk / "ballast").unlink()
        assert client.ended(client.send(clip).json["id"])["state"] == "done"
