"""What a step of the triplet losses takes, beside pytorch-metric-learning's (PML).

    python benchmarks/mining.py

A step is forward and backward on embeddings of two classes, on one core. Every case runs in a
fresh process: its time is the median over its steps, its memory the peak above what the process
held before the first. It fails where a step on 8,192 embeddings takes more than one table of
their distances and 64 MiB would: the constant is for embeddings, gradient and loaded code.

PML's semi-hard step averages over every semi-hard triplet, ours over one for each pair; the other
two rules are the same in both. PML may take 16 GiB: '>16 GiB' where that is not enough.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:  # torch only in the processes that are measured
    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]

RULES = ("semi_hard", "batch_hard", "batch_all")
BESIDE = (128, 256, 512, 1024)  # batches
ALONE = 8192
MARGIN = 0.2
LIMIT = 16 << 30
CONSTANT = 64  # MiB
SECONDS = 1.0  # of steps in each case, and one step at least

Figures = tuple[float, float]  # milliseconds, MiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", nargs=4, help=argparse.SUPPRESS)
    case = parser.parse_args().case
    if case:
        library, rule, count, width = case
        print(json.dumps(_measured(library, rule, int(count), int(width))))
        return
    print(f"{'':26}{'milliseconds a step':>24}{'ratio':>8}{'peak in MiB':>24}{'one table':>12}")
    print(_line("rule", "batch", "width", "ours", "PML", "PML/ours", "ours", "PML", "MiB"))
    cases = [(rule, count, 64) for rule in RULES for count in BESIDE]
    cases += [(rule, ALONE, width) for rule in RULES for width in (64, 128)]
    greedy = [case for case in cases if not _row(*case)]
    if greedy:
        sys.exit(f"More than one table and {CONSTANT} MiB: {greedy}")


def _row(rule: str, count: int, width: int) -> bool:
    """Print the row of a case; tell whether ours keeps to the memory it may take."""
    ours = _fresh("ours", rule, count, width)
    assert ours is not None
    time_of, ratio, memory_of = "-", "-", "-"
    if count in BESIDE:
        theirs = _fresh("PML", rule, count, width)
        memory_of = ">16 GiB"
        if theirs is not None:
            time_of, memory_of = (f"{one:.1f}" for one in theirs)
            ratio = f"{theirs[0] / ours[0]:.1f}"
    table = count**2 * 4 / 2**20
    figures = (f"{ours[0]:.1f}", time_of, ratio, f"{ours[1]:.1f}", memory_of, f"{table:.2f}")
    print(_line(rule, count, width, *figures), flush=True)
    return count != ALONE or ours[1] <= table + CONSTANT


def _line(rule: str, *cells: object) -> str:
    widths = (7, 7, 12, 12, 10, 12, 12, 10)
    return f"{rule:12}" + "".join(f"{cell!s:>{w}}" for cell, w in zip(cells, widths, strict=True))


def _fresh(library: str, rule: str, count: int, width: int) -> Figures | None:
    command = [sys.executable, __file__, "--case", library, rule, str(count), str(width)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: list[float] | None = json.loads(done.stdout)
    return (found[0], found[1]) if found else None


def _measured(library: str, rule: str, count: int, width: int) -> Figures | None:
    """Run one case in this process; None where the memory does not suffice."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    labels = torch.arange(count) % 2
    points = torch.randn(count, width) + 0.3 * labels[:, None]
    embeddings = torch.nn.functional.normalize(points).requires_grad_()
    loss = _ours(rule) if library == "ours" else _theirs(rule)
    loss(embeddings[:32], labels[:32]).backward()  # load what a first step loads
    held = psutil.Process().memory_info().rss
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    try:
        milliseconds = _timed(lambda: loss(embeddings, labels).backward())
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error):
            raise
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return milliseconds, (peak - held) / 2**20


def _timed(step: Callable[[], Any]) -> float:
    taken: list[float] = []
    while sum(taken) < SECONDS:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def _ours(rule: str) -> "Loss":
    from deeptell.training.losses import metric_loss

    return metric_loss("triplet", mining=rule, margin=MARGIN, distance="euclidean")


def _theirs(rule: str) -> "Loss":
    from pytorch_metric_learning import distances, losses, miners, reducers

    distance = distances.LpDistance(normalize_embeddings=False)
    if rule == "batch_all":
        reducer = reducers.AvgNonZeroReducer()
        every: Loss = losses.TripletMarginLoss(MARGIN, distance=distance, reducer=reducer)
        return every
    loss = losses.TripletMarginLoss(MARGIN, distance=distance, reducer=reducers.MeanReducer())
    miner = miners.BatchHardMiner(distance=distance)
    if rule == "semi_hard":
        miner = miners.TripletMarginMiner(MARGIN, type_of_triplets="semihard", distance=distance)
    return lambda points, labels: loss(points, labels, miner(points, labels))


if __name__ == "__main__":
    main()
