"""The commands of the program, and what it takes to list them."""

import subprocess
import sys

from raythumbs.cli.main import COMMANDS, app


def test_the_commands_are_listed_in_the_order_in_which_people_need_them():
    listed = [command.callback for command in app.registered_commands]

    assert listed == list(COMMANDS)
    assert [command.__name__ for command in COMMANDS][:3] == ["serve", "up", "down"]


def test_to_list_the_commands_takes_no_ray_no_database_and_no_settings():
    program = "import sys, raythumbs.cli.main; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {"ray", "sqlalchemy", "pydantic", "pydantic_settings", "PIL", "boto3"} & set(loaded) == set()
