"""Settings about the senders of notifications."""

import pytest

from raythumbs.errors import BadSettings
from raythumbs.settings import load_settings

AUDIENCE = {"gcs_audience": "https://thumbnails.example.com/api/notifications/gcs"}
ACCOUNT = {"gcs_service_account": "push@project.iam.gserviceaccount.com"}


@pytest.mark.parametrize("given", [AUDIENCE, ACCOUNT])
def test_one_setting_of_google_without_the_other_is_refused(given):
    with pytest.raises(BadSettings, match=r"^RAYTHUMBS_GCS_SERVICE_ACCOUNT: set .*RAYTHUMBS_GCS_AUDIENCE"):
        load_settings(**given)


def test_both_settings_of_google_make_a_known_sender_and_neither_none():
    assert load_settings(**AUDIENCE, **ACCOUNT).knows_senders
    assert not load_settings().knows_senders


def test_a_wrong_audience_is_the_only_complaint():
    with pytest.raises(BadSettings) as refusal:
        load_settings(gcs_audience="", **ACCOUNT)

    assert refusal.value.reason.startswith("RAYTHUMBS_GCS_AUDIENCE: ")
    assert "SERVICE_ACCOUNT" not in refusal.value.reason
