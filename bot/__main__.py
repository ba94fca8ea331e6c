"""The `study-bot` command."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import logs
from bot.errors import OperatorError
from bot.settings import Settings

_HELP = """Run without a command it picks: with DISCORD_TOKEN the bot on Discord (`run`),
without it the playground."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status (2: mend something first, 1: try later)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        logs.configure(settings.study_bot_log_format, settings.study_bot_log_level)
        if options.command is None:
            options = parser.parse_args(["run" if settings.discord_token else "playground"])
        return _COMMANDS[options.command](settings, options)
    except OperatorError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="study-bot", description="A Discord bot for live study sessions.", epilog=_HELP
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the bot on Discord")
    playground = commands.add_parser(
        "playground", help="try the bot in the browser, without Discord"
    )
    playground.add_argument("--port", type=int, default=0, help="port of the page (0: any)")
    playground.add_argument(
        "--rehearse", action="store_true", help="also play the sample talk at reading speed"
    )
    playground.add_argument(
        "--rehearse-speed", type=float, default=1.0, metavar="X", help="times as fast"
    )
    playground.add_argument("--open", action="store_true", help="open the page in the browser")
    doctor = commands.add_parser("doctor", help="check token, intents, database and lab")
    doctor.add_argument("--quiet", action="store_true", help="print problems only")
    export = commands.add_parser("export", help="write a session, or the whole database")
    export.add_argument(
        "--format", choices=("markdown", "csv", "json", "sqlite"), default="markdown"
    )
    export.add_argument("--session", type=int, help="the session's id (default: the latest)")
    export.add_argument("--list", action="store_true", help="list the sessions and their ids")
    export.add_argument("--jokes", action="store_true", help="with the questions marked as jokes")
    export.add_argument("--output", type=Path, help="file to write (default: standard output)")
    commands.add_parser("migrate", help="bring the database to this version and say what was done")
    notes = commands.add_parser("notes", help="see what notes would be posted as")
    actions = notes.add_subparsers(dest="action", metavar="ACTION", required=True)
    rendering = actions.add_parser("render", help="print the messages, as a JSON list")
    rendering.add_argument("file", metavar="FILE", help="Markdown or text; -: standard input")
    rendering.add_argument("--locale", choices=("ja", "en"), help="of the bot's own words")
    proxy = commands.add_parser(
        "engine-proxy", help="stand between the bot and a Docker Engine (docs/docker.md)"
    )
    proxy.add_argument("--check", action="store_true", help="only say whether it answers")
    _add_lab(commands.add_parser("lab", help="set up, check or release a host of the lab"))
    return parser


def _add_lab(lab: argparse.ArgumentParser) -> None:
    actions = lab.add_subparsers(dest="action", metavar="ACTION", required=True)
    set_up = actions.add_parser(
        "setup-host", help="as root on the host: lay firewall rules, networks, cgroup and probes"
    )
    set_up.add_argument("--subnet", help="that the lab's networks are in (default: lab.toml's)")
    set_up.add_argument("--reserve-memory", type=float, metavar="SHARE", help="kept for the host")
    set_up.add_argument("--reserve-cpus", type=float, metavar="CPUS", help="kept for the host")
    set_up.add_argument("--busybox", type=Path, help="a static busybox where none is installed")
    set_up.add_argument("--record", type=Path, help="file to make if anything was laid")
    set_up.add_argument("--no-docker", action="store_true", help="for guests alone")
    set_up.add_argument("--libvirt", metavar="URI", help="for guests, too: qemu:///system")
    set_up.add_argument("--pool", help="the guests' storage pool")
    set_up.add_argument("--pool-folder", help="where it is")
    set_up.add_argument("--guest-ports", metavar="RANGE", help="that lead to guests")
    set_up.add_argument("--guest-subnet", help="that guests' addresses are in")
    set_up.add_argument("--address", help="that ports are published on")
    set_up.add_argument("--guest-kernel", type=Path, help="for the guests' probe")
    set_up.add_argument("--guest-modules", type=Path, help="the folder with its modules")
    remove = actions.add_parser("remove-host", help="as root on the host: take all that away")
    check = actions.add_parser("check-host", help="prove with probes that it holds")
    sweep = actions.add_parser(
        "sweep",
        help="remove all containers, guests and networks of this installation, whose bot is off",
    )
    sweep.add_argument(
        "--abandoned", action="store_true", help="of playgrounds that were killed, instead"
    )
    for parser in (set_up, remove, check, sweep):
        parser.add_argument("--file", type=Path, help="another lab.toml")
        parser.add_argument("--host", help="the host's name in it")
        parser.add_argument("--quiet", action="store_true", help="only what changed, or is wrong")


def _run(settings: Settings, _options: argparse.Namespace) -> int:
    from bot import running

    asyncio.run(running.run(settings))
    return 0


def _playground(settings: Settings, options: argparse.Namespace) -> int:
    from bot import playing

    return asyncio.run(
        playing.play(
            settings,
            port=options.port,
            rehearse=options.rehearse,
            speed=options.rehearse_speed,
            open_page=options.open,
        )
    )


def _doctor(settings: Settings, options: argparse.Namespace) -> int:
    from bot import doctor

    findings = asyncio.run(doctor.examine(settings))
    for finding in findings:
        if not (options.quiet and finding.is_good):
            print(finding)
    return 0 if all(finding.is_good for finding in findings) else 1


def _export(settings: Settings, options: argparse.Namespace) -> int:
    from bot import exporting

    if options.list:
        for line in asyncio.run(exporting.sessions(settings)):
            print(line)
        return 0
    if options.format == "sqlite":
        if options.output is None:
            print("Say where to: study-bot export --format sqlite --output FILE", file=sys.stderr)
            return 2
        exporting.database(settings, options.output)
        print(f"The database is copied to {options.output}.", file=sys.stderr)
        return 0
    data = asyncio.run(
        exporting.session(settings, options.session, options.format, jokes=options.jokes)
    )
    if options.output is None:
        sys.stdout.buffer.write(data)
    else:
        options.output.write_bytes(data)
    return 0


def _migrate(settings: Settings, _options: argparse.Namespace) -> int:
    from bot import exporting

    for line in asyncio.run(exporting.migrated(settings)):
        print(line)
    return 0


def _notes(settings: Settings, options: argparse.Namespace) -> int:
    from bot import notes_command

    return notes_command.run(settings, options)


def _lab(settings: Settings, options: argparse.Namespace) -> int:
    from bot import lab_command

    return lab_command.run(settings, options)


def _engine_proxy(_settings: Settings, options: argparse.Namespace) -> int:
    from bot import engine_proxy

    settings = engine_proxy.ProxySettings.from_environment()
    if options.check:
        return 0 if engine_proxy.answers(settings.listen) else 1
    asyncio.run(engine_proxy.run(settings))
    return 0


_COMMANDS = {
    "run": _run,
    "playground": _playground,
    "doctor": _doctor,
    "export": _export,
    "migrate": _migrate,
    "engine-proxy": _engine_proxy,
    "notes": _notes,
    "lab": _lab,
}


if __name__ == "__main__":
    sys.exit(main())
