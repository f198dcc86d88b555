"""``service``: install, remove and show the systemd service."""

import click

from kws_edge.daemon.systemd import Service

user_option = click.option("--user", is_flag=True, help="Your own service instead of the system's.")
wyoming_option = click.option(
    "--wyoming", is_flag=True, help="The Wyoming server's service, kws-edge-wyoming."
)


@click.group()
def command() -> None:
    """Install, remove and show the systemd service.

    The system's service runs from boot under a user of its own; yours (--user) runs while you
    are logged in and uses the sound server of your desktop. It listens to the microphone, and with
    wyoming: in the configuration it serves Wyoming clients too; the service of --wyoming serves
    them without a microphone.
    """


@command.command()
@user_option
@wyoming_option
@click.option("--start/--no-start", default=True, help="Enable and start it at once.")
def install(user: bool, wyoming: bool, start: bool) -> None:
    """Write the unit file, enable and start the service."""
    for line in Service(user, wyoming).install(start):
        click.echo(line)


@command.command()
@user_option
@wyoming_option
def uninstall(user: bool, wyoming: bool) -> None:
    """Stop the service and remove its unit file; your configuration stays."""
    for line in Service(user, wyoming).uninstall():
        click.echo(line)


@command.command()
@user_option
@wyoming_option
def status(user: bool, wyoming: bool) -> int:
    """Print the state of the service; exit code 1 if it does not run."""
    text, running = Service(user, wyoming).status()
    click.echo(text)
    return 0 if running else 1
