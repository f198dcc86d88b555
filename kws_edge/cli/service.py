"""``service``: install, remove and show the systemd service."""

import click

from kws_edge.daemon.systemd import Service

user_option = click.option("--user", is_flag=True, help="Your own service instead of the system's.")


@click.group()
def command() -> None:
    """Install, remove and show the systemd service.

    The system's service runs from boot under a user of its own; yours (--user) runs while you
    are logged in and uses the sound server of your desktop.
    """


@command.command()
@user_option
@click.option("--start/--no-start", default=True, help="Enable and start it at once.")
def install(user: bool, start: bool) -> None:
    """Write the unit file, enable and start the service."""
    for line in Service(user).install(start):
        click.echo(line)


@command.command()
@user_option
def uninstall(user: bool) -> None:
    """Stop the service and remove its unit file; your configuration stays."""
    for line in Service(user).uninstall():
        click.echo(line)


@command.command()
@user_option
def status(user: bool) -> int:
    """Print the state of the service; exit code 1 if it does not run."""
    text, running = Service(user).status()
    click.echo(text)
    return 0 if running else 1
