"""Our own network against the one of timm that it is shaped like."""

import timm
import torch

from deeptell.models.backbones import heat_layer, make_backbone, spec_of


def test_resnet12_is_timms_test_resnet() -> None:
    """With its weights it gives its features; only its heat map may be drawn from other places."""
    torch.manual_seed(0)
    theirs = timm.create_model("test_resnet", num_classes=0).eval()
    for name, tensor in theirs.state_dict().items():
        if tensor.is_floating_point():  # what starts at nought or one would hide what is swapped
            tensor.copy_(torch.rand_like(tensor) + 0.5 if "var" in name else tensor + 0.1)
    ours = make_backbone("resnet12").eval()
    values = list(theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    batch = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        expected, made = theirs(batch), ours(batch)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    assert ours.head_hidden_size == made.shape[1] == theirs.head_hidden_size
    assert (heat_layer(ours), heat_layer(theirs)) == ("backbone.stages.2", "backbone.layer3")
    assert spec_of(ours, size=128, margin=1.3) == spec_of(theirs, size=128, margin=1.3)
