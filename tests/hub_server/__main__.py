"""`python -m tests.hub_server [--port N]`: a Hub until Ctrl-C; prints the way there."""

import argparse
import contextlib
import threading

from tests.hub_server import Hub


def main():
    parser = argparse.ArgumentParser(description="Serve an empty Hub in memory until Ctrl-C.")
    parser.add_argument("--port", type=int, default=0)
    hub = Hub(parser.parse_args().port)
    for setting in (f"HF_ENDPOINT={hub.url}", "HF_TOKEN=hf_alice", "HF_HUB_DISABLE_XET=1"):
        print(f"export {setting}", flush=True)
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(hub):
        threading.Event().wait()


if __name__ == "__main__":
    main()
