"""Secrets come from files, and from nowhere that is printed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from transport.secret_files import SecretFileError, read_secret
from transport.settings import SECRET, KafkaSettings, consumer_properties, producer_properties

PASSWORD = "marker-of-nobody-xK7"


@pytest.fixture
def settings(tmp_path: Path) -> KafkaSettings:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return KafkaSettings(security_protocol="SASL_SSL", sasl_username="scorer", sasl_password_file=tmp_path / "password")


def test_settings_never_hold_what_the_file_says(settings: KafkaSettings) -> None:
    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert consumer_properties(settings)["sasl.password"] == PASSWORD


def test_a_changed_password_counts_for_the_next_client(settings: KafkaSettings) -> None:
    assert settings.sasl_password_file is not None
    settings.sasl_password_file.write_text("another")
    assert producer_properties(settings)["sasl.password"] == "another"


@pytest.mark.parametrize("name", sorted(SECRET))
def test_a_secret_in_the_environment_is_refused_and_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEVERITY_KAFKA__CLIENT", f'{{"{name}": "{PASSWORD}"}}')
    with pytest.raises(ValidationError, match="put it into a file") as refused:
        KafkaSettings()
    assert name in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff\xfe", b"\nsecond\n"])
def test_a_file_that_is_no_secret_is_refused_by_name_and_not_by_content(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(SecretFileError) as refused:
        read_secret(file)
    assert str(file) in str(refused.value)
    assert "lines" not in str(refused.value).replace("on one line", "")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"security_protocol": "SASL_SSL"}, "needs sasl_username"),
        ({"sasl_username": "scorer", "sasl_password_file": "p"}, "need TLS"),
        ({"security_protocol": "SSL", "ssl_certificate": "c"}, "belong together"),
    ],
)
def test_half_a_way_in_is_refused(fields: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        KafkaSettings.model_validate(fields)
