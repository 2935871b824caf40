import pytest

from tests.imaging.jpeg.native_fuzz.fuzzing import Fuzzer


@pytest.mark.needs("sanitizers")
def test_no_damage_to_a_file_makes_the_decoder_read_or_write_where_it_may_not(tmp_path):
    taken = Fuzzer(tmp_path).run(inputs=3000, seed=1)

    assert 300 < taken < 2000
