"""
The tests: trial's in memory, and those with real clients in `interop`.

What hypothesis measures by the clock says nothing on a machine that does a lot else: no example is too slow here.
"""

from hypothesis import HealthCheck, settings

# With CI set hypothesis has a profile of its own, whose other settings stay.
settings.register_profile("conchsftp", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("conchsftp")
