"""`tam import orders`: a firm's own history, with its bad rows, twice, large."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from e2e_world import Shop, clean_environ, make_keys, serving, tam, zygote

HEADER = "order_id,customer_id,ordered_at,total,currency,refunded_total,cancelled_at\n"


@pytest.fixture
def name() -> str:
    return uuid4().hex[:12]


def write(tmp_path: Path, content: str) -> Path:
    file = tmp_path / "lịch sử.csv"
    file.write_text(content, encoding="utf-8-sig", newline="")
    return file


def on(shop: Shop) -> dict[str, str]:
    """The environment of a command that is to find the shop running."""
    return {**shop.environ, "TAM_PORT": shop.base_url.rpartition(":")[2]}


def test_good_rows_become_figures_and_bad_rows_are_named(one_box: Shop, tmp_path: Path, name: str):
    rows = [
        f"{name}-1,{name} Ánh,2024-01-05,250000,VND,,",
        f"{name}-2,{name} Ánh,2024-02-05 10:00,100000,VND,40000,",
        f'{name}-3,"{name} Ánh",2024-03-05T10:00:00Z,99000,VND,,2024-03-06',
        f"{name}-4,{name} Ánh,yesterday,1,VND,,",
        f"{name}-5,anonymous,2024-03-05,1,VND,,",
        f"{name}-6,{name} Ánh,2024-03-05,-5,VND,,",
    ]
    file = write(tmp_path, HEADER + "\r\n".join(rows))

    rehearsal = tam("import", "orders", str(file), "--dry-run", **on(one_box))
    ended = tam("import", "orders", str(file), **on(one_box))

    assert rehearsal.returncode == 3
    assert "6 events" in rehearsal.stderr
    assert "Nothing was sent" in rehearsal.stderr
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert f"{file}:5: ordered_at 'yesterday' is no date or time" in ended.stderr
    assert f"{file}:6: The event has neither a userId nor an anonymousId. (no_user_anon_id)" in ended.stderr
    assert f"{file}:7: total '-5'" in ended.stderr
    assert "5 events" in ended.stderr
    assert "3 rows were bad" in ended.stderr
    one_box.settled()
    figures = one_box.customer(f"user_id:{name} Ánh")
    assert (figures["orders"], figures["gross"], figures["refunds"]) == (2, "350000", "40000")
    assert (figures["first_order"], figures["last_order"]) == ("2024-01-05", "2024-02-05")


def test_twice_is_once_and_a_correction_holds(one_box: Shop, tmp_path: Path, name: str):
    header = "order_id,customer_id,ordered_at,total,currency,updated_at\n"
    first = write(tmp_path, header + f"{name}-1,{name},2024-01-05,10.00,USD,\n{name}-2,{name},2024-01-06,5.00,USD,\n")

    for _ in range(2):
        ended = tam("import", "orders", str(first), **on(one_box))
        assert ended.returncode == 0, ended.stderr
        one_box.settled()
        figures = one_box.customer(f"user_id:{name}")
        assert (figures["orders"], figures["gross"]) == (2, "15.00")
    corrected = write(tmp_path, header + f"{name}-1,{name},2024-01-05,12.50,USD,2024-01-07\n")
    assert tam("import", "orders", str(corrected), **on(one_box)).returncode == 0
    one_box.settled()

    figures = one_box.customer(f"user_id:{name}")
    assert (figures["orders"], figures["gross"]) == (2, "17.50")
    assert len(one_box.touchpoints(f"user_id:{name}")) == 4


def test_a_rehearsal_sends_nothing(one_box: Shop, tmp_path: Path, name: str):
    file = write(tmp_path, HEADER + f"{name}-1,{name},2024-01-05,10.00,USD,,\n")

    ended = tam("import", "orders", str(file), "--dry-run", **on(one_box))

    assert (ended.returncode, ended.stdout) == (0, "")
    one_box.settled()
    assert one_box.customer(f"user_id:{name}") == {}


def test_a_server_elsewhere_is_reached_with_its_own_key(one_box: Shop, tmp_path: Path, data_dir: Path, name: str):
    file = write(tmp_path, HEADER + f"{name}-1,{name},2024-01-05,10.00,USD,,\n")
    here = {"TAM_DATA_DIR": str(data_dir / "untouched")}

    sent = tam("import", "orders", str(file), "--url", one_box.base_url, "--key", one_box.write_key, **here)
    no_key = tam("import", "orders", str(file), "--url", one_box.base_url, **here)
    wrong = tam("import", "orders", str(file), "--url", one_box.base_url, "--key", "tam_wk_wrong", **here)
    nobody = tam("import", "orders", str(file), "--url", "http://127.0.0.1:1", "--key", "k", **here)
    no_url = tam("import", "orders", str(file), "--url", "shop.example", "--key", "k", **here)

    assert sent.returncode == 0, sent.stderr
    assert (no_key.returncode, wrong.returncode, nobody.returncode, no_url.returncode) == (2, 1, 1, 1)
    assert "bad_key" in wrong.stderr
    assert "Nobody answers at http://127.0.0.1:1" in nobody.stderr
    assert not any("Traceback" in each.stderr for each in (no_key, wrong, nobody, no_url))
    one_box.settled()
    (touchpoint,) = one_box.touchpoints(f"user_id:{name}")
    assert touchpoint["source"] == "web"
    assert not (data_dir / "untouched").exists()


def test_without_a_running_instance_the_import_brings_its_own(data_dir: Path, logs: Path, tmp_path: Path):
    environ = {"TAM_DATA_DIR": str(data_dir / "data"), "TAM_CURRENCY": "VND"}
    file = write(tmp_path, "order_id,customer_id,ordered_at,total\no-1,u-1,2024-01-05,9000\no-2,u-2,2024-01-05,x\n")

    ended = tam("import", "orders", str(file), "--source", "old-shop", **environ)

    assert ended.returncode == 3, ended.stderr
    assert "1 events" in ended.stderr
    write_key, secret_key = make_keys(**environ)
    with serving(logs / "after-import.log", **environ) as process:
        shop = Shop(process.base_url, write_key, secret_key, environ)
        assert shop.figures()["gross"] == "9000"
        assert shop.touchpoints("user_id:u-1")[0]["source"] == "old-shop"


@pytest.mark.long
def test_a_large_file_is_streamed(tmp_path: Path):
    """The peak of a rehearsal of 100,000 rows stays near that of ten: a row at a time, and an order id's hash each."""
    peaks = []
    for count in (10, 100_000):
        file = tmp_path / f"{count}.csv"
        with file.open("w") as out:
            out.write("order_id,customer_id,ordered_at,total,currency,coupon\n")
            for number in range(count):
                out.write(f"order-{number},customer-{number % 9999},2024-01-05 10:00,{number}.25,USD,{'c' * 100}\n")
        peaks.append(peak_of("import", "orders", str(file), "--dry-run"))

    assert peaks[1] - peaks[0] < 25_000_000


def peak_of(*arguments: str) -> int:
    """Peak memory in bytes of a command that succeeds."""
    said = (
        "import resource, sys; from services.__main__ import main; sys.argv[0] = 'tam'\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", said, *arguments], env=clean_environ(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    # Kilobytes, but for macOS.
    return int(ended.stdout) * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.long
def test_an_interrupted_import_says_so_and_goes_on_from_there(data_dir: Path, tmp_path: Path):
    """Not a success with half of the orders in it; and the same again is the whole."""
    file = tmp_path / "many.csv"
    rows = (f"o-{number},c-{number},2024-01-05,1.00,USD\n" for number in range(20_000))
    file.write_text("order_id,customer_id,ordered_at,total,currency\n" + "".join(rows))
    environ = clean_environ(TAM_DATA_DIR=str(data_dir / "data"))
    log = tmp_path / "log"
    process = zygote().spawn(["import", "orders", str(file)], environ=environ, log=log)
    deadline = time.monotonic() + 60
    # The platform's own schema is there: it is up, and sending.
    while not (data_dir / "data" / "pg" / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    code = process.wait(60)
    assert (code, log.read_text()) == (130, "tam: Stopped before the end; the same again goes on from there.\n")

    again = tam("import", "orders", str(file), TAM_DATA_DIR=str(data_dir / "data"))

    assert again.returncode == 0, again.stderr
    assert again.stderr == f"20000 events from {file} are stored; 0 rows were bad.\n"
