import pytest

from tests.imaging.native_fuzz.fuzzing import Fuzzer


@pytest.mark.needs("sanitizers", "time")
def test_no_damage_to_a_file_makes_a_decoder_read_or_write_where_it_may_not(tmp_path):
    fuzzer = Fuzzer(tmp_path)

    jpegs, pngs = fuzzer.run("jpeg", inputs=3000, seed=1), fuzzer.run("png", inputs=6000, seed=1)

    assert 300 < jpegs < 2000
    assert 300 < pngs < 3000
