"""The API against its own schema: whatever fits it, and much that does not, is answered by it."""

import pytest
from asking import Client
from hypothesis import HealthCheck, Phase, settings

schemathesis = pytest.importorskip("schemathesis")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def described(client: Client):
    """The schema, without the streams, which never end."""
    loaded = schemathesis.openapi.from_url(f"{client.address}/api/v1/openapi.json")
    return loaded.exclude(path_regex="/events$")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_the_schema_says(case) -> None:
    case.call_and_validate()
