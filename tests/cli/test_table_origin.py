"""A kept table under the model file of another one."""

import pytest
import xarray as xr


def said(result):
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def again(folder, name, *options):
    return said(folder.audit(name, "--spells", "audit/spells.nc", "--out", "again", *options))


@pytest.mark.parametrize("kind", ["exact", "drawn"])
def test_another_forecaster_and_another_history_are_noticed(folder, kind):
    write = getattr(folder, kind)
    assert folder.audit(write()).exit_code == 0
    bare = again(folder, write("cost = 0.3"))
    assert "another" not in bare
    assert ("not asked of a kept table" in bare) == (kind == "exact")
    wider = (
        write("forecaster = SampledRegression(ld.NIG(0.0, 0.1, 2.0, 1.0), draws=50)")
        if kind == "drawn"
        else write("forecaster = ld.ConjugateRegression(ld.NIG(0.0, 0.1, 2.0, 1.0))")
    )
    assert f"made by another forecaster than that of {wider}" in again(folder, wider)
    revised = write("first = load_history()", "first['y'][3] += 1", "load_history = lambda: first")
    assert "made of another history than the one that load_history()" in again(folder, revised)


def test_what_cannot_be_told_is_said_and_stops_nothing(folder):
    assert folder.audit(folder.exact()).exit_code == 0
    lost = folder.exact("def load_history():", "    raise OSError('the warehouse is closed')")
    assert "whether --spells is of this model could not be told: OSError: the warehouse is closed" in again(
        folder, lost
    )
    table = xr.load_dataset("audit/spells.nc")
    del table.attrs["made_of"]
    table.to_netcdf("audit/spells.nc", engine="h5netcdf")
    assert "could not be told" not in again(folder, lost)


def test_without_a_history_in_the_file_an_exact_forecaster_is_still_told(folder):
    assert folder.audit(folder.exact()).exit_code == 0
    assert "another forecaster" not in again(folder, folder.exact("del load_history"))
    other = folder.exact("del load_history", "forecaster = ld.ConjugateRegression(ld.NIG(0.0, 0.1, 2.0, 1.0))")
    assert "made by another forecaster" in again(folder, other)
