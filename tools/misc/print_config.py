"""Print a config as it is after inheritance and overrides."""
import argparse
from collections.abc import Sequence

from mmseg_anomaly.engine.config_options import (
    CheckedDictAction,
    merge_options,
    read_config,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description=__doc__)
    parser.add_argument('config', help='config file path')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CheckedDictAction,
        help='override settings of the config by key=value')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = read_config(args.config, holds_model=False,
                      import_custom_modules=False)
    merge_options(cfg, args.cfg_options)
    print(cfg.pretty_text)


if __name__ == '__main__':
    run_tool(main)
