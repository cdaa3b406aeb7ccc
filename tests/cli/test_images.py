"""`snc disasm`, `assemble` and `export`: an image as text and as files, and back."""

from pathlib import Path

import pytest

from snc.backends.exchange.export import load_export
from snc.backends.image.container import write_image

from .conftest import Run


def test_an_image_is_assembled_from_its_listing(run: Run, image: Path, tmp_path: Path) -> None:
    listing, again = tmp_path / "digits.txt", tmp_path / "again.snc"
    assert run("disasm", image, "--whole", "-o", listing) == (0, "", "")
    assert run("assemble", listing, "-o", again) == (0, "", "")
    assert again.read_bytes() == image.read_bytes()
    short = tmp_path / "short.txt"
    run("disasm", image, "-o", short)
    done = run("assemble", short, "-o", tmp_path / "none.snc")
    assert done.code == 2
    assert "18 words of the run above are left out (assemble what 'snc disasm --whole' writes)" in done.err
    assert not (tmp_path / "none.snc").exists()


@pytest.mark.parametrize("form", ["memh", "hex", "bin", "c"])
def test_an_image_is_exported(run: Run, image: Path, tmp_path: Path, form: str) -> None:
    done = run("export", image, "--format", form, "-o", tmp_path / "chip")
    assert (done.code, done.err) == (0, "")
    assert ": 6 files, " in done.out
    assert write_image(load_export(tmp_path / "chip")) == image.read_bytes()


def test_what_cannot_be_assembled_or_exported(run: Run, image: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    for arguments, said in (
        (("assemble", tmp_path / "latin.txt", "-o", tmp_path / "a.snc"), "latin.txt: is no text"),
        (("assemble", tmp_path / "none.txt", "-o", tmp_path / "a.snc"), "none.txt: cannot be read: No such"),
        (("assemble", image, "-o", tmp_path / "a.snc"), "digits.snc: is no text"),
        (("export", image, "--format", "bin", "-o", tmp_path), "holds other files than an export"),
        (("export", image, "--format", "elf", "-o", tmp_path / "x"), "'elf' is not one of"),
    ):
        done = run(*arguments)
        assert done.code == 2
        assert said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["latin.txt"]
