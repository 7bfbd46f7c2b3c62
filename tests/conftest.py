"""What every test shares: hypothesis without a stop watch, and the same examples each time in CI."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("ningju", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ningju-ci", settings.get_profile("ningju"), derandomize=True, print_blob=True, database=None)
settings.load_profile("ningju-ci" if os.environ.get("CI") else "ningju")
