"""An object store."""

import pytest

from tests.peers.servers import STORE, AbsentError

KEY, SECRET = "labkey", "labsecretlabsecret"


@pytest.fixture
def bucket(socket_enabled, monkeypatch, tmp_path):
    """An address that nothing is at yet, in a bucket of a store that runs."""
    from pyarrow import fs

    try:
        with STORE.running() as address:
            found = {
                "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            }  # fmt: skip
            for name, value in found.items():
                monkeypatch.setenv(name, value)
            host = address.partition("://")[2]
            files = fs.S3FileSystem(
                access_key=KEY, secret_key=SECRET, endpoint_override=host, scheme="http", allow_bucket_creation=True
            )
            files.create_dir("tests")
            yield f"s3://tests/{tmp_path.name}-{tmp_path.parent.name}"
    except AbsentError as error:
        pytest.skip(str(error))
