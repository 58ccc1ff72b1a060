# Fishyscapes Static val, 30 images; say which version as `version`.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='FishyscapesStaticDataset', data_root='data/fishyscapes_static'))
