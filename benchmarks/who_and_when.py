"""Are the right seconds reported, and the right person?

    python benchmarks/who_and_when.py [FOLDER] [--bundle FOLDER] [--seeds 12]

Scenes of the extra set, played by other generated people for each seed; they are kept in FOLDER,
if it is given, and used again. Of every clip in which somebody is manipulated for some of the
time: how much the reported seconds and the true ones have in common, of all that either covers
(intersection over union, the median with a 95 % interval over seeds). Of two people, one of them
swapped: how often the swapped one has the higher score (Clopper and Pearson's bounds of 95 %
each). Beside it stand the verdicts on these people, and on people in genuine scenes. The script
fails where the median lies below 0.7, or the right person is named in fewer than 95 %.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deeptell.answers import FileResult, PersonResult
from deeptell.config import ExtractConfig, SynthConfig
from deeptell.evaluation.false_alarms import lower_bound, upper_bound
from deeptell.files import default_bundle
from deeptell.forge.extra import truth, write_scene
from deeptell.scan.run import ScanJob, scan_files

LEAST_OVERLAP, LEAST_RIGHT = 0.7, 0.95
WHEN = (
    *("partial_deepfakes", "partial_face2face", "partial_faceswap", "partial_neuraltextures"),
    "cuts_second_shot_swapped",
)
WHO, GENUINE = "two_people_right_swapped", ("real", "two_people_real", "cuts_real")

Spans = Sequence[tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--bundle", type=Path, default=default_bundle())
    parser.add_argument("--seeds", type=int, default=12)
    asked = parser.parse_args()
    job = ScanJob(asked.bundle, ExtractConfig())
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        seeds = [scanned(folder, 100 + number, job) for number in range(asked.seeds)]
    shared = np.array(
        [[overlap(results[name], true[name]) for name in WHEN] for results, true in seeds]
    )
    for name, values in zip(WHEN, shared.T, strict=True):
        print(f"{name:28}{np.median(values):8.3f}  lowest {values.min():.3f}, {len(values)} clips")
    median, (low, high) = np.median(shared), interval(shared)
    print(
        f"{'intersection over union':28}{median:8.3f} [{low:.3f}, {high:.3f}], {shared.size} clips"
    )
    right = sum(the_right_one_stands_out(results[WHO].people) for results, _ in seeds)
    bounds = f"[{lower_bound(right, len(seeds)):.3f}, {upper_bound(right, len(seeds)):.3f}]"
    print(f"{'right person of two':28}{right / len(seeds):8.3f} {bounds}, {len(seeds)} clips")
    by_place = [from_left(results[WHO].people) for results, _ in seeds]
    answers("  verdicts on her", [people[-1] for people in by_place if people])
    answers("  and on the other", [people[0] for people in by_place if len(people) > 1])
    genuine = [one for results, _ in seeds for name in GENUINE for one in results[name].people]
    answers("genuine people", genuine)
    print(
        f"{'  with suspicious seconds':28}{sum(bool(one.suspicious_seconds) for one in genuine):8}"
    )
    if median < LEAST_OVERLAP or right / len(seeds) < LEAST_RIGHT:
        sys.exit("The seconds or the people are wrong too often.")


def scanned(
    folder: Path, seed: int, job: ScanJob
) -> tuple[dict[str, FileResult], dict[str, Spans]]:
    """The results on the scenes of one seed, and the seconds that are manipulated in each."""
    config = SynthConfig(pairs={"train": 0, "val": 0, "test": 3}, seed=seed)
    out, names = folder / str(seed), (*WHEN, WHO, *GENUINE)
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_scene(out, config, name, compression="c23")
    paths = [out / f"{name}.mp4" for name in names]
    found = {Path(one.path).stem: one for one in scan_files(paths, job, jobs=1)}
    rows = truth(config).dropna().itertuples()
    spans: dict[str, Spans] = {name: [] for name in names}
    for row in rows:
        name = Path(row.video).stem
        spans[name] = [*spans.get(name, []), (row.start, row.end)]
    return found, spans


def overlap(result: FileResult, true: Spans) -> float:
    """Intersection over union of what is reported of anybody, to a hundredth of a second."""
    at = np.arange(0, 60, 0.01)

    def covered(spans: Spans) -> np.ndarray:
        return np.any([(at >= start) & (at < end) for start, end in [*spans, (0, 0)]], axis=0)

    told = covered([span for person in result.people for span in person.suspicious_seconds])
    return float((told & covered(true)).sum() / (told | covered(true)).sum())


def interval(shared: np.ndarray) -> tuple[float, float]:
    """A 95 % interval of the median, by drawing seeds anew."""
    rng = np.random.default_rng(0)
    draws = [np.median(shared[rng.integers(0, len(shared), len(shared))]) for _ in range(2000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def from_left(people: Sequence[PersonResult]) -> list[PersonResult]:
    return sorted(people, key=lambda one: one.scores[0].box_xyxy[0] if one.scores else 0.0)


def the_right_one_stands_out(people: Sequence[PersonResult]) -> bool:
    """Whether, of two people, the one to the right has the highest score."""
    ordered = from_left(people)
    scores = [one.fake_probability or 0.0 for one in ordered]
    return len(scores) == 2 and scores[1] > scores[0]


def answers(name: str, people: Sequence[PersonResult]) -> None:
    counts = Counter(str(one.verdict) for one in people)
    told = ", ".join(f"{verdict} {count}" for verdict, count in counts.most_common())
    print(f"{name:28}{len(people):8}  {told}")


if __name__ == "__main__":
    main()
