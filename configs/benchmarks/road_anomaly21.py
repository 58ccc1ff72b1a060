# RoadAnomaly21 of SegmentMeIfYouCan, 10 labelled images.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='RoadAnomaly21Dataset', data_root='data/RoadAnomaly21'))
