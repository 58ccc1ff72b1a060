# StreetHazards test, 1500 images, for a model of any classes.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='StreetHazardsDataset',
        data_root='data/StreetHazards',
        split='test',
        anomaly_only=True))
