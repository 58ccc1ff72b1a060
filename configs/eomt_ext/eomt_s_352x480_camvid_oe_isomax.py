_base_ = './eomt_s_352x480_camvid_oe.py'

# the rows of the closed-set model's class head become the prototypes
model = dict(
    decode_head=dict(
        # 10 within S too: otherwise queries that are no object leak into it
        class_head=dict(type='IsoMaxPlusClassifier', evidence_scale=10.0)),
    test_cfg=dict(scorer=['min_distance', *_base_.model.test_cfg.scorer]))
