"""All commands of `tam`, put together: importing this adds them to the one that serves."""

from services.cli import (
    customers,
    dlq,
    export,
    keys,
    load,
    orders,
    responses,
    rights,
    simulate,
    voucher_files,
    vouchers,
)
from services.cli.backup import backup, restore_command
from services.cli.contracts import contracts
from services.cli.demo import demo
from services.cli.migrate import migrate
from services.cli.past_figures import figures
from services.cli.replay import replay
from services.cli.serve import app
from services.cli.settings import settings
from services.cli.topics import topics

app.command()(demo)
orders.app.command(name="customers", help=customers.HELP)(customers.customers)
orders.app.command(name="vouchers", help=voucher_files.HELP)(voucher_files.vouchers)
orders.app.command(name="responses", help=responses.HELP)(responses.responses)
app.add_typer(orders.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(vouchers.app, name="vouchers")
app.add_typer(simulate.app, name="simulate")
app.add_typer(keys.app, name="keys")


app.command()(migrate)
app.command()(topics)
app.command()(replay)
app.command()(figures)
app.add_typer(dlq.app, name="dlq")
app.add_typer(rights.app, name="rights")
app.command(name="load", help=load.HELP)(load.load)
app.command()(contracts)
app.command()(settings)
app.command()(backup)
app.command(name="restore")(restore_command)
