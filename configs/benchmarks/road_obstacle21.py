# RoadObstacle21 of SegmentMeIfYouCan, 30 labelled images.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='RoadObstacle21Dataset', data_root='data/RoadObstacle21'))
