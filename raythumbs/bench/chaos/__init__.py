"""Everything that can be killed is killed, while photos come in, and nothing may be lost."""
