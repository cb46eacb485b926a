"""`python -m deploy.check`: render every overlay, judge it, lint the Dockerfile; one line a problem, exit code 1 when there is any."""

import sys

from deploy.check.environment import environment_problems
from deploy.check.kinds import kind_problems
from deploy.check.pods import pod_problems
from deploy.check.rendering import DEPLOY, example_secrets, program, render, run
from deploy.check.scaling import scaling_problems


def main() -> int:
    """Print what is wrong. Returns the exit code."""
    problems = lint_dockerfile()
    secrets = example_secrets()
    for overlay in sorted((DEPLOY / "k8s" / "overlays").iterdir()):
        objects = render(overlay)
        found = [
            *kind_problems(objects),
            *pod_problems(objects),
            *environment_problems(objects, secrets),
            *scaling_problems(objects, secrets),
        ]
        problems += [f"{overlay.name}: {problem}" for problem in found]
        sys.stdout.write(f"{overlay.name}: {len(objects)} objects, {len(found)} problems\n")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def lint_dockerfile() -> list[str]:
    """What hadolint says."""
    code, output = run(program("hadolint"), "--no-color", str(DEPLOY / "docker" / "Dockerfile"))
    return output.splitlines() if code else []


if __name__ == "__main__":
    sys.exit(main())
