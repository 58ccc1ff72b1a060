_base_ = './eomt_s_352x480_camvid_oe.py'

model = dict(outlier_losses=[dict(type='RbALoss')])
