"""`tam import customers` and `tam export customers`: in, out, in again elsewhere, and nothing is lost or said twice."""

import csv
import stat
from pathlib import Path

from e2e_world import Shop, tam


def on(shop: Shop) -> dict[str, str]:
    """The environment of a command that is to find the shop running."""
    return {**shop.environ, "TAM_PORT": shop.base_url.rpartition(":")[2]}


def traits(shop: Shop, customer: str) -> dict[str, object]:
    return dict(shop.json(f"/v1/customers/{customer}/traits")["traits"])


def test_customers_come_in_go_out_and_come_in_again(empty_shop: Shop, tmp_path: Path):
    file, out = tmp_path / "khách.csv", tmp_path / "ra.csv"
    file.write_text(
        "user_id,email,phone,name,id.crm,trait.size:json\n"
        "u-1,huong@x.vn,0912345678,Nguyễn Hương,K-1,37\n"
        "u-2,no address,,Lan,,\n"
        "u-3,,,=HYPERLINK(1),,\n",
        encoding="utf-8-sig",
    )
    shop = empty_shop

    rehearsal = tam("import", "customers", str(file), "--dry-run", **on(shop))
    ended = tam("import", "customers", str(file), **on(shop))
    shop.settled()

    assert (rehearsal.returncode, ended.returncode) == (3, 3), ended.stderr
    assert "Nothing was sent" in rehearsal.stderr
    assert f"{file}:3: email is no e-mail address" in ended.stderr
    assert "2 events" in ended.stderr
    assert shop.json("/v1/customers/crm:K-1")["id"] == shop.json("/v1/customers/phone:+84912345678")["id"]
    assert traits(shop, "user_id:u-1") == {
        "email": "huong@x.vn", "phone": "0912345678", "name": "Nguyễn Hương", "size": 37
    }  # fmt: skip

    exported = tam("export", "customers", str(out), **on(shop))
    refused = tam("export", "customers", str(out), **on(shop))

    assert (exported.returncode, refused.returncode) == (0, 2), exported.stderr
    assert "2 customers are in" in exported.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="", encoding="utf-8-sig") as lines:
        rows = {row["user_id"]: row for row in csv.DictReader(lines)}
    assert rows["u-3"]["trait.name"] == "'=HYPERLINK(1)"
    assert (rows["u-1"]["id.crm"], rows["u-1"]["trait.size:json"]) == ("K-1", "37")
    before = {user: traits(shop, f"user_id:{user}") for user in rows}
    again = tam("import", "customers", str(out), **on(shop))
    shop.settled()
    assert (again.returncode, "2 events" in again.stderr) == (0, True), again.stderr
    assert {user: traits(shop, f"user_id:{user}") for user in rows} == before
    assert len(shop.json("/v1/customers")["items"]) == 2


def test_an_export_elsewhere_needs_a_key_that_may_read(empty_shop: Shop, tmp_path: Path):
    out, url = str(tmp_path / "out.csv"), empty_shop.base_url

    no_key = tam("export", "customers", out, "--url", url)
    wrong = tam("export", "customers", out, "--url", url, "--key", empty_shop.write_key)
    right = tam("export", "customers", out, "--url", url, "--key", empty_shop.secret_key)

    assert (no_key.returncode, wrong.returncode, right.returncode) == (2, 1, 0), right.stderr
    assert "needs --key" in no_key.stderr
    assert "403" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert "0 customers are in" in right.stderr
