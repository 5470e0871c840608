"""Runs the scenarios of a group: at once, or one after another where the group says so.

usage: python run.py URL CLIENT TRANSPORT GROUP     CLIENT: sync or async; TRANSPORT: websocket, polling, or upgrade
"""

import asyncio
import concurrent.futures
import importlib
import inspect
import os
import sys
import traceback


async def run(name, scenario):
    try:
        await scenario()
    except BaseException:
        print(f"failed {name}\n{traceback.format_exc()}", flush=True)
        return False
    print("ok", name, flush=True)
    return True


async def main(group):
    # The synchronous client blocks a thread in each call.
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(64))
    own = [(name, value) for name, value in vars(group).items()
           if inspect.iscoroutinefunction(value) and value.__module__ == group.__name__ and not name.startswith("_")]
    if getattr(group, "IN_TURN", False):
        return all([await run(*scenario) for scenario in own])
    return all(await asyncio.gather(*(run(*scenario) for scenario in own)))


succeeded = asyncio.run(main(importlib.import_module(sys.argv[4])))
sys.stdout.flush()
# Threads of clients that a failed scenario left behind must not keep the process.
os._exit(0 if succeeded else 1)
