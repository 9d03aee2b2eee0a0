"""Runs state machines in moto's interpreter, in this process, and prints figures as JSON.

Reads {"name": {"definition": …, "input": …, "executions": n}} from standard input. CPU seconds
are those of the whole process while the executions ran; a warm-up comes before.
"""

import json
import sys
import threading
import time

from moto.core.config import default_user_config
from moto.stepfunctions.parser.backend import execution as backend
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

default_user_config["stepfunctions"] = {"execute_state_machine": True}
ended = threading.Event()
original = backend.BaseExecutionWorkerCommunication.terminated


def terminated(self):
    original(self)
    ended.set()


# Told of the end rather than asking for it: no polling in the figures.
backend.BaseExecutionWorkerCommunication.terminated = terminated


def run(machines, arn, name, text):
    ended.clear()
    begun = time.perf_counter()
    machines.start_execution(arn, name, text)
    if not ended.wait(60):
        raise SystemExit(f"moto did not end {name}")
    return time.perf_counter() - begun


def main():
    report = {}
    for number, (name, case) in enumerate(json.load(sys.stdin).items()):
        machines = StepFunctionsParserBackend("us-east-1", "111122223333")
        role = "arn:aws:iam::111122223333:role/bench"
        definition = json.dumps(case["definition"])
        arn = machines.create_state_machine(f"m{number}", definition, role).arn
        text = json.dumps(case["input"])
        for i in range(5):
            run(machines, arn, f"warm-{i}", text)
        cpu, wall = time.process_time(), time.perf_counter()
        times = [run(machines, arn, f"e-{i}", text) for i in range(case["executions"])]
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        last = machines.state_machines[0].executions[-1]
        if last.status != "SUCCEEDED":
            raise SystemExit(f"moto ended {name} with {last.status}")
        history = last.to_history_output()["events"]
        report[name] = {
            "executions": len(times),
            "transitions": sum(e["type"].endswith("StateEntered") for e in history),
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "latencies": times,
        }
    json.dump(report, sys.stdout)


main()
