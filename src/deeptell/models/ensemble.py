"""Several models, one answer: the vote of what several trainings left, or chunks of the data."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from deeptell.errors import ConfigError
from deeptell.models.contract import Model
from deeptell.models.on_encoder import OnEncoder

Vote = Literal["max", "mean"]


class Ensemble(Model):
    """Members that take the same input, and a vote.

    "mean" is the mean of their logits, as faces of a video are pooled: who is sure counts for more.
    "max", the reference's for models of balanced chunks, is the answer that most of them give at
    0.5; as a score it is the share of members that say fake, half a vote added to either side so
    that it has a logit. A tie is 0.5 there, not REAL as in the reference.

    A gradient map of alike members that answer by their mean is the mean of theirs: `heat_layer` is
    that of the first, and stands for all.

    Members that share one encoder (`shared`) have it once, in memory and in the bundle.
    """

    def __init__(self, *, members: Sequence[Model], vote: Vote, shared: bool = False) -> None:
        super().__init__()
        if vote not in ("max", "mean"):
            raise ConfigError(f"A vote is 'max' or 'mean', got '{vote}'.")
        self.options = {"vote": vote, "shared": shared}
        self.spec = members[0].spec
        if shared:
            for member in members[1:]:
                member.encoder = members[0].encoder
        self.members = nn.ModuleList(members)
        self.differentiable = vote == "mean" and all(m.differentiable for m in members)
        self.exportable = all(m.exportable for m in members)
        alike = len({(type(member), str(member.options)) for member in members}) == 1
        if self.differentiable and alike and members[0].heat_layer:
            self.heat_layer = f"members.0.{members[0].heat_layer}"

    def voters(self) -> list[Model]:
        """The members, each of which takes the same batch."""
        return [member for member in self.members if isinstance(member, Model)]

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The embeddings of the members side by side: `(N, K * D)`."""
        members = self.voters()
        if isinstance(members[0], OnEncoder) and self.options["shared"]:
            return self.embed_features(members[0].features(batch), lengths)
        return torch.cat([member.embed(batch, lengths) for member in members], dim=1)

    def embed_features(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The same from features of the shared encoder that were made before."""
        heads = [member.head for member in self.voters() if isinstance(member, OnEncoder)]
        return torch.cat([head.embed(features, lengths) for head in heads], dim=1)

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, K * D)` -> `(N,)` logits of the vote."""
        parts = embedding.chunk(len(self.members), dim=1)
        said = [member.classify(part) for member, part in zip(self.voters(), parts, strict=True)]
        logits = torch.stack(said).float()
        if self.options["vote"] == "mean":
            return logits.mean(dim=0)
        shares = torch.sigmoid(logits)
        votes = ((shares > 0.5).float() + (shares == 0.5).float() / 2).sum(dim=0)
        return torch.log(votes + 0.5) - torch.log(len(said) - votes + 0.5)

    def files(self) -> dict[str, bytes]:
        """Every member's, under its number."""
        return {
            f"{number}-{name}": content
            for number, member in enumerate(self.voters())
            for name, content in member.files().items()
        }

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Give every member its own."""
        for number, member in enumerate(self.voters()):
            begin = f"{number}-"
            member.restore(
                {k.removeprefix(begin): v for k, v in files.items() if k.startswith(begin)}
            )
