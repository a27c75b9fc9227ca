"""REC-06, D8: a folder of keys is read to say whether it still holds a key that an order destroyed."""

from pathlib import Path
from typing import Any

from fvm import keysafe
from fvm.places import Places


def saved(**wrapped: str | None) -> keysafe.Saved:
    keys: list[dict[str, Any]] = [{"id": int(id[1:]), "wrapped": value} for id, value in wrapped.items()]
    return {"vis": {"keys.data_key": keys, "keys.shared": [], "erasure_task": []}}


def test_a_folder_that_was_not_written_anew_is_found_out(tmp_path: Path) -> None:
    places, folder = Places(tmp_path / "region"), tmp_path / "keys"
    keysafe.save(folder, saved(k1="aa", k2="bb"), places)
    now = saved(k1=None, k2="bb", k3="cc")
    assert keysafe.still_in(folder, now) == ["vis/1"]
    keysafe.save(folder, now, places)
    assert keysafe.still_in(folder, now) == []


def test_the_same_number_at_another_service_is_another_key(tmp_path: Path) -> None:
    keysafe.save(tmp_path, saved(k1="aa"), Places(tmp_path / "region"))
    assert keysafe.still_in(tmp_path, {"exchange": saved(k1=None)["vis"]}) == []
