"""Does a detector's heat lie where the face was manipulated? On the test people's forgeries.

    python benchmarks/explain.py [BUNDLE STORE BENCHMARK]

Without arguments the packaged bundle is asked about demo/faces and demo/benchmark. For every kind
of heat map: the share of the heat inside the mask beside the share of the input that the mask
covers, how often the hottest place lies inside, and both for the same network with its weights
drawn anew. Fails where NeuralTextures has less than twice its area, or the gain over drawn weights
has an interval that reaches 0. Maps by occlusion are made only where there are no others.
"""

import sys
import time
from pathlib import Path

from deeptell.evaluation.localisation import localisation
from deeptell.explain.heat import methods_for
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement
from deeptell.files import default_bundle
from deeptell.models.bundle import Bundle, load_bundle

FACTOR = 2.0


def main() -> None:
    given = [Path(argument) for argument in sys.argv[1:4]]
    bundle, store, benchmark = given or [
        default_bundle(),
        Path("demo/faces"),
        Path("demo/benchmark"),
    ]
    missed = judge(load_bundle(bundle), FaceStore(store), benchmark)
    if missed:
        sys.exit("Missed: " + "; ".join(missed))


def judge(bundle: Bundle, store: FaceStore, benchmark: Path) -> list[str]:
    missed = []
    methods = methods_for(bundle.model)
    for method in [name for name in methods if name != "occlusion"] or methods:
        began = time.perf_counter()
        found = localisation(
            bundle, store, benchmark, method=method, split="test", data="test people"
        )
        print(f"\n{method}, {bundle.card.architecture} ({time.perf_counter() - began:.0f} s)")
        missed += table(method, found)
    return missed


def table(method: str, found: tuple[Measurement, ...]) -> list[str]:
    """Print a row per manipulation; returns what does not reach the figures."""
    by_subset: dict[str, dict[str, Measurement]] = {}
    for one in found:
        by_subset.setdefault(one.subset, {})[one.metric.removeprefix(f"{method}_")] = one
    print(f"{'':15}{'videos':>7}{'groups':>7}{'area':>7}{'energy':>18}{'/ area':>18}", end="")
    print(f"{'drawn':>7}{'gain':>19}{'pointing':>10}{'drawn':>7}{'gain':>19}")
    missed = []
    for subset, row in by_subset.items():
        energy = row["energy"]
        print(f"{subset:15}{energy.videos:7}{energy.groups:7}{row['area'].value:7.3f}", end="")
        print(f"{spread(energy)}{spread(row['energy_to_area'])}", end="")
        print(f"{row['random_energy'].value:7.3f} {spread(row['energy_gain'])}", end="")
        print(f"{row['pointing'].value:10.3f}{row['random_pointing'].value:7.3f}", end="")
        print(f" {spread(row['pointing_gain'])}", flush=True)
        if subset == "NeuralTextures" and row["energy_to_area"].value < FACTOR:
            missed.append(f"{method}: {subset} reaches {row['energy_to_area'].value:.2f} areas")
        if not row["energy_gain"].low > 0:
            missed.append(f"{method}: {subset} is not above drawn weights")
    return missed


def spread(one: Measurement) -> str:
    return f" {one.value:5.3f} ({one.low:.2f}..{one.high:.2f})"


if __name__ == "__main__":
    main()
