"""Print a config as it is after inheritance and overrides."""
import argparse

from mmengine.config import Config, DictAction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file path')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction,
        help='override settings of the config by key=value')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = Config.fromfile(args.config, import_custom_modules=False)
    cfg.merge_from_dict(args.cfg_options or {})
    print(cfg.pretty_text)


if __name__ == '__main__':
    main()
