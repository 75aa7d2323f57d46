test('steps in the realm of a test file', require('./steps.js'));
