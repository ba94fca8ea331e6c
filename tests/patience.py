"""How long tests wait: hypervisors, engines and browsers run beside them on few processors."""

# For something that must happen. It costs nothing where it happens soon. What must not last
# longer than a promise says so itself, beside the promise.
LONG_SECONDS = 30.0
