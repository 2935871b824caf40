from itertools import combinations, product

import pytest

from tests.pairs import pairs


@pytest.mark.parametrize("sizes", [(4, 3, 4, 3), (9, 2, 9), (6, 5, 7), (2, 2), (1, 5, 1)])
def test_every_two_values_of_two_parameters_meet_in_few_cases(sizes: tuple[int, ...]) -> None:
    parameters = [[f"{name}{number}" for number in range(size)] for name, size in zip("abcd", sizes, strict=False)]

    cases = pairs(*parameters)

    met = {two for case in cases for two in combinations(case, 2)}
    assert met >= {two for one, other in combinations(parameters, 2) for two in product(one, other)}
    largest, second = max(sizes), sorted(sizes)[-2]
    assert len(cases) < 1.4 * largest * second
