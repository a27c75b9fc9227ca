"""`fvm bench` hands every option to the suite."""

from fvm.cli import parser


def test_options_of_the_suite_reach_it_untouched():
    chosen = parser().parse_args(["bench", "--quick", "--only", "read,search", "--seconds=5", "-h"])
    assert chosen.more == ["--quick", "--only", "read,search", "--seconds=5", "-h"]


def test_the_verb_alone_needs_nothing():
    assert parser().parse_args(["bench"]).more == []
