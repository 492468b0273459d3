"""The API against its own schema: whatever fits it, and much that does not, is answered by it."""

import pytest
from asking import Client
from hypothesis import HealthCheck, Phase, given, settings

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402


@pytest.mark.slow
def test_answers_are_as_the_schema_says(client: Client) -> None:
    schema = schemathesis.openapi.from_url(f"{client.address}/api/v1/openapi.json")
    asked = 0
    for found in schema.exclude(path_regex="/events$").get_all_operations():  # those never end
        operation = found.ok()

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case) -> None:
            # A schema cannot say what is a video, or which rates a bundle can show.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
        asked += 1
    assert asked >= 12
