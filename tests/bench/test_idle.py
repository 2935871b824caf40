from raythumbs.bench.idle import run_idle


def test_every_process_of_an_idle_service_is_counted():
    result = run_idle(seconds=1)

    titles = {share.process for share in result.processes}
    assert {"ray::ThumbnailQueueActor", "raythumbs", "raylet", "haproxy"} <= titles
    assert 0 < result.pss_mb < result.rss_mb
    assert result.pss_mb < 1500
    assert result.as_dict()["first_answer_seconds"] > 0
    assert result.as_table().row_count == len(result.processes) + 1
