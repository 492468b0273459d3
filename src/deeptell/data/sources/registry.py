"""The data sets that deeptell can index, how each is recognised, and how large it is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from deeptell.data.sources import (
    celebdf,
    deeperforensics,
    dfd,
    dfdc,
    dfdc_preview,
    faceforensics,
    folder,
    table,
    wilddeepfake,
)
from deeptell.data.sources.listing import Listing, Source


def _source(
    module: ModuleType,
    title: str,
    *markers: str,
    index: Callable[[Path], Listing],
    published: Mapping[str, int] | None = None,
    about: str = "",
) -> Source:
    about = about or (module.__doc__ or "").splitlines()[0]
    return Source(title, about, index, markers, published or {})


_FORGED = tuple(f"manipulated_sequences/{method}/*" for method in faceforensics.METHODS)
_SPLITS = ("splits/train.json", "dataset/splits/train.json")
_CELEB = ("Celeb-real/*", "YouTube-real/*", "Celeb-synthesis/*")
_PARTS = ("dfdc_train_part_*/*", "train_sample_videos/*", "test/labels.csv")
_SIDES = tuple(f"{label}[ _]{side}/*" for label in ("real", "fake") for side in ("train", "test"))
_DISTORTED = (
    *("end_to_end", "reenact_postprocess", "end_to_end_random_level"),
    *(f"end_to_end_level_{level}" for level in range(1, 6)),
    *(f"end_to_end_mix_{count}_distortions" for count in range(2, 5)),
)

# In the order in which a root is recognised: what other data sets may hold too comes last.
SOURCES: dict[str, Source] = {
    "faceforensics": _source(
        faceforensics,
        "FaceForensics++",
        *("original_sequences/youtube/*", *_FORGED, *_SPLITS),
        index=faceforensics.list_videos,
        published=dict.fromkeys(("real", *faceforensics.METHODS), 1000),
    ),
    "dfd": _source(
        dfd,
        "DeepFakeDetection",
        *("original_sequences/actors/*", "manipulated_sequences/DeepFakeDetection/*"),
        index=dfd.list_videos,
        published={"real": 363, dfd.METHOD: 3068},
    ),
    "celebdf": _source(
        celebdf,
        "Celeb-DF",
        *_CELEB,
        index=celebdf.list_v2,
        published={"real": 890, celebdf.FAKES: 5639},
        about="Celeb-DF, version 2 (Li et al., CVPR 2020): 5,639 swaps among 59 people.",
    ),
    "celebdf_v1": _source(
        celebdf,
        "Celeb-DF v1",
        *_CELEB,
        index=celebdf.list_v1,
        published={"real": 408, celebdf.FAKES: 795},
        about="Celeb-DF, version 1 (Li et al., CVPR 2020): 795 swaps among 13 people.",
    ),
    "dfdc": _source(
        dfdc,
        "DFDC",
        *_PARTS,
        index=dfdc.list_videos,
        published={"real": 19154 + 2500, "fake": 100000 + 2500},  # training and public test
    ),
    "dfdc_preview": _source(
        dfdc_preview,
        "DFDC preview",
        *("original_videos/*", "method_A/*", "method_B/*"),
        index=dfdc_preview.list_videos,
        published={"real": 1131, "fake": 4119},
    ),
    "deeperforensics": _source(
        deeperforensics,
        "DeeperForensics-1.0",
        *("manipulated_videos/*", "lists/splits/*"),
        index=deeperforensics.list_videos,
        published=dict.fromkeys(("real", *_DISTORTED), 1000),
    ),
    "wilddeepfake": _source(
        wilddeepfake,
        "WildDeepfake",
        *(*_SIDES, "deepfake_in_the_wild/*/*"),
        index=wilddeepfake.list_videos,
        published={"real": 3805, "fake": 3509},
    ),
    "folder": _source(folder, "a plain folder", *("real/*", "fake/*"), index=folder.list_videos),
    "csv": _source(table, "a table", "*.csv", index=table.list_videos),
}
