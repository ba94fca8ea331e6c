"""What can stand in the way of a lab: what happened, what it means, what to do."""

from bot.errors import N_, BadInput, Conflict, LimitReached, NotAllowed, NotFound, StudyBotError


class LabError(StudyBotError):
    """Something about the lab that people can't mend themselves."""


# --- the host and its engine (raised by drivers) ---


class HostUnreachable(LabError):
    """The engine doesn't answer, or not in time."""

    message = N_(
        "The lab can't be reached right now. Questions are taken as before; please try again in"
        " a moment."
    )


class EngineRefused(LabError):
    """The engine said no to something no other error speaks of."""

    message = N_("The lab's engine refused: {why}")


class DiskFull(LabError):
    """No space left on the host."""

    message = N_("The lab host's disk is full, so this was not done. The staff can free space.")


class HubUnreachable(LabError):
    """No search without the public hub."""

    message = N_("The public image hub can't be reached from the lab.")


class RegistryUnreachable(LabError):
    """No pull without a registry."""

    message = N_(
        "The registry that has “{image}” can't be reached from the lab. Images that are there"
        " already and the catalogue's still work: /image list."
    )


class ImageNotFound(NotFound):
    """No such image or tag."""

    message = N_(
        "There is no image “{image}”. Check the name and the tag; /image search looks for one."
    )


class ImageInUse(Conflict):
    """A container still uses it."""

    message = N_("“{image}” is still used by a container, so it stays.")


class ImageTooLarge(LimitReached):
    """Over the cap."""

    message = N_("“{image}” is {size}, and at most {most} are allowed here.")


class WrongArchitecture(BadInput):
    """Made for other processors."""

    message = N_("“{image}” is made for {theirs}; this lab's host is {ours}.")


class PullCancelled(Conflict):
    """Somebody pressed Cancel."""

    message = N_("The pull was cancelled.")


class NameTaken(Conflict):
    """Another instance has it."""

    message = N_("The name “{name}” is taken. Choose another, or leave it out.")


class PortTaken(Conflict):
    """Somebody else listens there."""

    message = N_("Port {port} of the host is taken by something else.")


class SubnetTaken(LabError):
    """Overlaps with a network that isn't ours."""

    message = N_("The lab's network {subnet} overlaps with another one of the host.")


class BadCommand(BadInput):
    """Nothing in the image that could run it."""

    message = N_("The command can't be run in this image: {why}")


class ContainerGone(NotFound):
    """It isn't on the host any more."""

    message = N_("It isn't there any more.")


class NotRunning(Conflict):
    """It has to run for this."""

    message = N_("“{name}” isn't running. Start it first: /container start or /vm start.")


# --- the operator's file ---


class BadLabFile(LabError):
    """lab.toml can't be used; one line a problem, each with its line and key."""

    message = N_("{path} needs a look:\n{problems}")


# --- people and rules ---


class ModeratorsOnly(NotAllowed):
    """Of the lab as a whole."""

    message = N_("Only moderators can do this.")


class NoLab(NotAllowed):
    """This guild has none."""

    message = N_("There is no lab for this server. The one who runs this bot decides that.")


class LabOff(LabError):
    """No lab is configured."""

    message = N_("There is no lab here: the one who runs this bot has set none up.")


class LabClosed(Conflict):
    """Staff closed it."""

    message = N_("The lab is closed right now. The staff open it with /lab open.")


class LabBanned(NotAllowed):
    """Staff banned the person from the lab."""

    message = N_("You can't use the lab of this server. Please ask the staff.")


class LabRoleMissing(NotAllowed):
    """The lab is for a role."""

    message = N_("The lab is for people with the role {role}. Please ask the staff for it.")


class LabRoleUnset(NotAllowed):
    """Nobody has said who may use it."""

    message = N_(
        "Attendees can't use the lab yet: a moderator chooses the role for it with /setup."
    )


class TooNewHere(NotAllowed):
    """Not a member for long enough."""

    message = N_("The lab is for people who have been here for {days} days. You can from {when}.")


class LabNotProven(NotAllowed):
    """The host's protection hasn't been shown to hold."""

    message = N_(
        "The lab isn't ready for attendees: the host's protection could not be verified. The one"
        " who runs this bot sees why with: study-bot lab check-host."
    )


class OneLaunchAtATime(LimitReached):
    """One of theirs is starting already."""

    message = N_("“{name}” is still starting. One at a time, please.")


class TooManyInstances(LimitReached):
    """The role's number of instances."""

    message = N_("You have {n} already, and {most} is the most. Remove one first: /lab mine.")


class TooMuch(LimitReached):
    """A role's limit on one resource."""

    message = N_("{what}: {wanted} is more than the {most} you may have.")


class SessionFull(LimitReached):
    """The session's own limit."""

    message = N_("This session has {n} instances, and {most} is the most.")


class GuildFull(LimitReached):
    """The guild's own limit."""

    message = N_("This server has {n} instances, and {most} is the most.")


class QueueFull(LimitReached):
    """Nobody should wait for ever."""

    message = N_("The lab is full, and {n} people are waiting. Please try again later.")


class TooLargeForHost(LimitReached):
    """It could never fit."""

    message = N_("No host of the lab is large enough for that ({memory}, {cpus} CPUs).")


class NoPortFree(LimitReached):
    """The range is used up."""

    message = N_("No port is free on the lab's host. Please try again later.")


class ImageNotAllowed(NotAllowed):
    """Not on the operator's list."""

    message = N_("“{image}” isn't allowed in this lab. /image list shows what is.")


class TemplatesOnly(NotAllowed):
    """The role may run only the catalogue's."""

    message = N_("You can run what the catalogue has: {names}.")


class NoSuchTemplate(NotFound):
    """Not in the catalogue."""

    message = N_("The catalogue has no “{name}”. It has: {names}.")


class NoSuchInstance(NotFound):
    """None of that name that the person may know of."""

    message = N_("There is no “{name}” here, or it isn't yours. /lab mine shows yours.")


class NotYours(NotAllowed):
    """Somebody else's."""

    message = N_("That is somebody else's. Only its owner and the staff can do this.")


class Frozen(Conflict):
    """Staff froze it."""

    message = N_("“{name}” is frozen. The staff can let it go on.")


class NoMoreExtensions(LimitReached):
    """Extended as often as allowed."""

    message = N_("“{name}” was extended as often as is allowed ({n} times).")


class NoDeadline(Conflict):
    """It lives until the session's end anyway."""

    message = N_("“{name}” stays until the session's end; there is nothing to extend.")


class BadName(BadInput):
    """Not a name we can use."""

    message = N_(
        "A name has 1 to 32 small letters, digits and hyphens, and begins with a letter: web-1."
    )


class BadPorts(BadInput):
    """Not ports."""

    message = N_("Write ports like 80:80 or 8080, several with spaces between: 80:80 443:443.")


class BadEnvironment(BadInput):
    """Not KEY=value."""

    message = N_("Write the environment like KEY=value, several with spaces between.")


class BadSize(BadInput):
    """Not a size."""

    message = N_("“{text}” is no size. Write it like 256M or 2G.")


class BadDuration(BadInput):
    """Not a duration."""

    message = N_("“{text}” is no duration. Write it like 30m or 2h.")


class BadImageName(BadInput):
    """Not a reference."""

    message = N_("“{text}” is no image. Write it like nginx, nginx:1.27 or ghcr.io/org/app:tag.")


class BadShellWords(BadInput):
    """A quote that doesn't close."""

    message = N_("That can't be read as a command: a quotation mark isn't closed.")


# --- what people type, where "not readable" would not help them ---


class SizeOutOfRange(BadSize):
    """Readable, but nothing could run in it, or nothing is that large."""

    message = N_("“{text}” is out of range: between {least} and {most}, please.")


class DurationOutOfRange(BadDuration):
    """Readable, but too short or too long."""

    message = N_("“{text}” is out of range: between {least} and {most}, please.")


class BadCpus(BadInput):
    """Not a number of CPUs."""

    message = N_("“{text}” is no number of CPUs. Write it like 0.5 or 2.")


class TooManyPorts(BadPorts):
    """More than a card can show."""

    message = N_("At most {most} ports, please.")


class PortTwice(BadPorts):
    """One port of the container, asked for under two ports of the host."""

    message = N_("Port {port} of the container is named twice.")


class EnvironmentTooLarge(BadEnvironment):
    """Too many variables, or too long ones."""

    message = N_("The environment takes at most {most} variables of {length} characters each.")


class CommandTooLong(BadShellWords):
    """Longer than anybody types."""

    message = N_("The command is too long: at most {most} characters, please.")


class ImageNotOurs(NotAllowed):
    """On the host before, or by somebody else."""

    message = N_("“{image}” was not pulled by me, so I leave it alone.")
